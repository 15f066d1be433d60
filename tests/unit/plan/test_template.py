"""The template as a whole: the same project gives the same bytes, names are AWS's."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import pytest

from headwater import Lake, PlanError, Workflow, load_workflow
from headwater.plan.plan import Plan, make_plan
from headwater.plan.render import plain, render_text, to_json
from tests.unit.plan.conftest import SAMPLE, longest_names

FLIGHTS = Path(__file__).parents[3] / "examples" / "flights"


def test_the_same_project_gives_the_same_bytes(sample: Plan) -> None:
    again = make_plan(load_workflow(SAMPLE))
    assert json.dumps(again.template) == json.dumps(sample.template)
    assert [(a.key, a.read()) for a in again.assets] == [(a.key, a.read()) for a in sample.assets]


def test_no_account_or_region_is_written_into_the_template(sample: Plan) -> None:
    text = json.dumps({name: part for name, part in sample.template.items() if name != "Mappings"})
    assert "000000000000" not in text and "us-east-1" not in text


def test_everything_that_takes_tags_carries_the_workflows(sample: Plan) -> None:
    untagged = {
        "AWS::Glue::Database",
        "AWS::Glue::Table",
        "AWS::Lambda::Permission",
        "AWS::Logs::MetricFilter",
        "AWS::S3::BucketPolicy",
        "AWS::SNS::TopicPolicy",
        "AWS::Scheduler::Schedule",
    }
    for name, resource in sample.template["Resources"].items():
        if resource["Type"] in untagged:
            continue
        tags = resource["Properties"]["Tags"]
        tags = tags if isinstance(tags, dict) else {tag["Key"]: tag["Value"] for tag in tags}
        assert tags["Team"] == "north" and tags["headwater:workflow"] == "demand", name


def test_data_outlives_the_stack(sample: Plan) -> None:
    bucket = sample.template["Resources"]["LakeBucket"]
    assert bucket["DeletionPolicy"] == bucket["UpdateReplacePolicy"] == "Retain"
    assert all(bucket["Properties"]["PublicAccessBlockConfiguration"].values())


def test_a_glue_job_gets_its_paths_parameters_and_shared_code(sample: Plan) -> None:
    job = sample.template["Resources"]["CleanJob"]["Properties"]
    arguments = job["DefaultArguments"]
    assert arguments["--ORDERS_PATH"] == {"Fn::Sub": "s3://${LakeBucket}/raw/orders/"}
    assert arguments["--CLEAN_ORDERS_PATH"] == {"Fn::Sub": "s3://${LakeBucket}/processed/clean_orders/"}
    assert arguments["--job-bookmark-option"] == "job-bookmark-enable"
    assert (arguments["--RUN_DATE"], arguments["--HORIZON"], arguments["--DRY"]) == ("", "7", "false")
    library = arguments["--extra-py-files"]["Fn::Sub"].split("}/")[1]
    assert library in {asset.key for asset in sample.assets}
    assert (job["GlueVersion"], job["WorkerType"]) == ("5.1" if sys.version_info < (3, 13) else "6.0", "G.1X")


def test_a_declared_schema_becomes_a_table_unless_a_crawler_finds_it(sample: Plan) -> None:
    tables = [r["Properties"]["TableInput"] for r in sample.template["Resources"].values() if "Table" in r["Type"]]
    assert {table["Name"]: table["PartitionKeys"] for table in tables} == {
        "rates": [],
        "daily": [{"Name": "day", "Type": "string"}],
    }


def test_handlers_are_found(sample: Plan) -> None:
    resources = sample.template["Resources"]
    handlers = {
        name: resources[f"{name}Function"]["Properties"]["Handler"] for name in ("Alarm", "Notify", "Summarise")
    }
    assert handlers == {"Alarm": "alarm.lambda_handler", "Notify": "notify.main", "Summarise": "handler.handler"}


def test_names_stay_within_awss_limits(tmp_path: Path) -> None:
    plan = make_plan(longest_names(tmp_path))
    names = [
        r["Properties"]["FunctionName"]
        for r in plan.template["Resources"].values()
        if "FunctionName" in r.get("Properties", {})
    ]
    assert len(set(names)) == 2 and all(len(name) <= 64 for name in names)
    prefix = next(stage.resource for stage in plan.stages if stage.kind == "processing")
    assert prefix is not None and len(prefix) <= 35


def test_a_plan_of_fifty_stages_takes_well_under_a_second(tmp_path: Path) -> None:
    (tmp_path / "s.py").write_text("")
    lake = Lake("lake")
    workflow = Workflow("wide", lake)
    workflow.root = tmp_path
    data = [lake.raw("d0")]
    for number in range(50):
        data.append(lake.processed(f"d{number + 1}"))
        workflow.spark(f"s{number}", "s.py", reads=[data[number // 2], data[number // 3]], writes=data[-1])
    started = time.process_time()
    plan = make_plan(workflow)
    assert time.process_time() - started < 1
    assert len(plan.stages) == 50


def test_the_json_has_the_documented_shape(sample: Plan) -> None:
    shape = json.loads(json.dumps(to_json(sample)))
    assert list(shape) == [
        *("version", "workflow", "lake", "database", "parameters", "datasets", "levels", "period", "critical_path_s"),
        *("stages", "state_machine", "alarms", "assets", "resources"),
    ]
    made = {each["Properties"].get("AlarmName") for each in sample.template["Resources"].values()} - {None}
    assert set(shape["alarms"]["names"]) == made and len(made) == 3
    assert shape["alarms"]["topic"] == sample.template["Resources"]["AlarmTopic"]["Properties"]["TopicName"]
    assert shape["stages"][1]["after"] == ["catalog"]
    assert shape["state_machine"]["states"]["catalog: wait"] == "catalog"
    assert shape["state_machine"]["states"]["headwater: start"] is None
    assert shape["critical_path_s"]["planned"] >= shape["critical_path_s"]["graph"] > 0


def test_the_tree_shows_what_each_stage_reads_writes_and_may_do(sample: Plan) -> None:
    text = plain(render_text(sample))
    for expected in (
        "clean (spark on Glue, jobs/clean.py)",
        "aggregate (spark on Glue or EMR Serverless, jobs/aggregate.py)",
        "measured each time: above 100 GB of what it reads it runs on EMR Serverless",
        *("reads orders, rates", "writes clean_orders", "when=always"),
    ):
        assert expected in text
    assert "may lambda:InvokeFunction on ${SummariseFunction.Arn} and 1 more: invoke the functions" in text


def test_a_workflow_that_iam_would_refuse_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "s.py").write_text("")
    workflow = Workflow("many", Lake("lake"))
    workflow.root = tmp_path
    for number in range(150):
        workflow.spark(f"a stage with a long name {number}", "s.py")
    with pytest.raises(PlanError, match="State machine of the workflow many: its policy has .* IAM takes 10,240"):
        make_plan(workflow)
