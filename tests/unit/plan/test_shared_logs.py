"""The log groups that services make themselves, as a plan's stages imply them."""

from __future__ import annotations

from pathlib import Path

from headwater import Lake, Workflow
from headwater.plan.plan import Plan, make_plan
from headwater.plan.shared_logs import shared_log_groups


def test_each_kind_of_stage_implies_its_groups(sample: Plan) -> None:
    assert shared_log_groups(sample) == {
        "/aws-glue/crawlers": 30,
        "/aws-glue/jobs/error": 30,
        "/aws-glue/jobs/output": 30,
        "/aws/sagemaker/ProcessingJobs": 30,
        "/aws/sagemaker/TrainingJobs": 30,
    }
    made = [r["Properties"] for r in sample.template["Resources"].values() if r["Type"] == "AWS::Logs::LogGroup"]
    assert not {properties["LogGroupName"] for properties in made} & set(shared_log_groups(sample))


def test_what_never_runs_on_glue_implies_no_group_of_glue(tmp_path: Path) -> None:
    (tmp_path / "job.py").write_text("")
    lake = Lake("lake")
    workflow = Workflow("w", lake)
    workflow.root = tmp_path
    raw = lake.raw("raw", format="csv")
    workflow.spark("large", "job.py", reads=raw, writes=lake.processed("a"), engine="emr-serverless")
    assert shared_log_groups(make_plan(workflow)) == {}
    workflow.spark("either", "job.py", reads=raw, writes=lake.processed("b"), engine="auto")
    assert shared_log_groups(make_plan(workflow)) == {"/aws-glue/jobs/error": 30, "/aws-glue/jobs/output": 30}
