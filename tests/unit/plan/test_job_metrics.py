"""Metrics from the logs of SageMaker's jobs: which lines the filters match, what SageMaker looks for, what is shown."""

from __future__ import annotations

import importlib.util
import json
import logging
import re
from pathlib import Path
from typing import Any

import pytest

from headwater import Lake, PlanError, Workflow
from headwater.local.services.logs.filter_pattern import read_pattern
from headwater.plan.cost.estimate import Reading, estimate
from headwater.plan.cost.price_table import prices
from headwater.plan.cost.work import Work
from headwater.plan.plan import Plan, make_plan

JSON_LOGS = Path(__file__).parents[3] / "examples" / "flights" / "common" / "json_logs.py"


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    (tmp_path / "s.py").write_text("")
    lake = Lake("lake")
    raw, model, other = lake.raw("raw"), lake.model("model"), lake.model("other")
    workflow = Workflow("Words", lake)
    workflow.root = tmp_path
    workflow.training("fit", "s.py", reads=raw, writes=model, spot=False, metric_definitions=["auc_1", "auc1"])
    regexes = {"loss:last": r"loss=([0-9.]+)"}
    workflow.training("tune it", "s.py", reads=raw, writes=other, spot=False, metric_definitions=regexes)
    workflow.processing("judge", "s.py", reads=model, metrics="auc_1")
    return make_plan(workflow)


def filters(plan: Plan) -> dict[str, dict[str, Any]]:
    found = [r["Properties"] for r in plan.template["Resources"].values() if r["Type"] == "AWS::Logs::MetricFilter"]
    return {f"{each['LogGroupName'].rpartition('/')[2]} {each['FilterName']}": each for each in found}


def line(monkeypatch: pytest.MonkeyPatch, workflow: str, stage: str, level: int, **fields: object) -> str:
    """What the template's logger writes in a job of a stage."""
    monkeypatch.setenv("HEADWATER_WORKFLOW", workflow)
    monkeypatch.setenv("HEADWATER_STAGE", stage)
    spec = importlib.util.spec_from_file_location("json_logs", JSON_LOGS)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    record = logging.LogRecord("x", level, "f", 1, "said", None, None)
    record.fields = fields
    return str(module.JsonFormatter().format(record))


def test_each_metric_is_read_from_its_own_stages_lines(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    found = filters(plan)
    assert set(found) == {
        "ProcessingJobs Words/errors",
        "ProcessingJobs Words/judge/auc_1",
        "TrainingJobs Words/errors",
        "TrainingJobs Words/fit/auc1",
        "TrainingJobs Words/fit/auc_1",
    }
    (told,) = found["TrainingJobs Words/fit/auc_1"]["MetricTransformations"]
    assert (told["MetricNamespace"], told["MetricName"], told["MetricValue"]) == ("Headwater", "auc_1", "$.auc_1")
    pattern = read_pattern(found["TrainingJobs Words/fit/auc_1"]["FilterPattern"])
    mine = line(monkeypatch, "Words", "fit", logging.INFO, auc_1=0.5)
    assert pattern.values(mine) == {"$.auc_1": "0.5", "$.stage": "fit", "$.workflow": "Words"}
    assert {each["Value"] for each in told["Dimensions"]} <= set(pattern.fields)
    for workflow, stage, fields in (
        ("Words", "judge", {"auc_1": 1}),
        ("words", "fit", {"auc_1": 1}),
        ("Words", "fit", {}),
    ):
        assert not pattern.matches(line(monkeypatch, workflow, stage, logging.INFO, **fields))
    assert pattern.matches(mine)


def test_errors_are_those_of_the_workflow(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    matches = read_pattern(filters(plan)["TrainingJobs Words/errors"]["FilterPattern"]).matches
    for level, expected in ((logging.INFO, False), (logging.WARNING, False), (logging.ERROR, True), (50, True)):
        assert matches(line(monkeypatch, "Words", "fit", level)) is expected
    assert not matches(line(monkeypatch, "Other", "fit", logging.ERROR))


def test_sagemaker_looks_for_a_field_or_a_regular_expression(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    text = json.dumps(plan.definition)
    arguments = [json.loads(each) for each in re.findall(r'"MetricDefinitions": (\[.*?\}\])', text)]
    found = {each["Name"]: each["Regex"] for group in arguments for each in group}
    assert set(found) == {"auc_1", "auc1", "loss:last"} and found["loss:last"] == r"loss=([0-9.]+)"
    for value, written in ((0.5, "0.5"), (-1e-07, "-1e-07"), (3, "3")):
        match = re.search(found["auc_1"], line(monkeypatch, "Words", "fit", logging.INFO, auc1=9, auc_1=value))
        assert match is not None and match[1] == written


def test_more_metrics_than_a_group_takes_filters_are_refused(tmp_path: Path) -> None:
    (tmp_path / "s.py").write_text("")
    workflow = Workflow("Words", Lake("lake"))
    workflow.root = tmp_path
    for stage in "abcd":
        workflow.processing(stage, "s.py", metrics=[f"m{number}" for number in range(25)])
    with pytest.raises(PlanError, match="need 101 metric filters on /aws/sagemaker/ProcessingJobs, .* takes 100"):
        make_plan(workflow)


def test_the_dashboard_shows_them_and_an_estimate_has_their_price(plan: Plan) -> None:
    body = plan.template["Resources"]["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    shown = {each["properties"]["title"]: each["properties"] for each in json.loads(body)["widgets"]}
    assert shown["judge: metrics"]["metrics"] == [["Headwater", "auc_1", "Stage", "judge", "Workflow", "Words"]]
    assert len(shown["Errors that SageMaker's jobs logged"]["metrics"]) == 3 and "tune it: metrics" not in shown
    work = Work("r", {"fit": [60.0, 3601.0], "judge": [60.0]}, 0)
    found = estimate(Reading(plan.sizes, {}, {}, None), work, prices("us-east-1"))
    billed = {each.stage: each.planned_usd for each in found.lines if each.service == "CloudWatch"}
    assert billed == {"fit": pytest.approx(2 * 3 * 0.3 / 730), "judge": pytest.approx(0.3 / 730)}
