"""A planned workflow's jobs give metrics: SageMaker's own, and by metric filters on logs that all workflows share."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3

from headwater import Lake, Workflow
from headwater.cli.deploying import files_of
from headwater.cloud.deployment import Deployment
from headwater.cloud.session import Cloud
from headwater.local.endpoint import LocalEndpoint
from headwater.plan.plan import Plan, make_plan
from headwater.plan.shared_logs import shared_log_groups
from tests.integration.plan.docs_commands import run_shown
from tests.integration.plan.test_planned_functions import run

Client = Callable[..., Any]
COMMON = Path(__file__).parents[3] / "examples" / "flights" / "common"
FIT = """
import os
from pathlib import Path

from common.json_logs import json_logger

log = json_logger("fit")
for accuracy in (0.5, 0.75):
    log.info("a round", extra={"fields": {"accuracy": accuracy}})
print("loss=0.125", flush=True)
if os.environ["RUN_DATE"] == "never":
    raise ValueError("no such day")
Path(os.environ["SM_MODEL_DIR"], "model.txt").write_text("a model")
"""
JUDGE = """
import json
from pathlib import Path

from common.json_logs import json_logger

log = json_logger("judge")
found = {"auc": 0.625, "rows": 8}
Path("/opt/ml/processing/output/metrics/metrics.json").write_text(json.dumps(found))
log.info("judged", extra={"fields": found})
log.error("but the labels were late")
"""


def planned(name: str, folder: Path) -> Plan:
    lake = Lake(f"{name}-lake".lower())
    words, model = lake.raw("words"), lake.model("guesser")
    workflow = Workflow(name, lake)
    workflow.root = folder
    definitions = {"spot": False, "framework": "sklearn"}
    workflow.training("fit", "fit.py", reads=words, writes=model, metric_definitions="accuracy", **definitions)
    workflow.processing("judge it", "judge.py", reads=model, metrics=["auc", "rows"])
    return make_plan(workflow)


def deployed(plan: Plan, cloud: Cloud) -> dict[str, str]:
    deployment = Deployment(cloud, plan.name)
    return deployment.apply(plan.template, files_of(plan), {}, log_groups=shared_log_groups(plan))


def values(aws: Client, name: str, statistic: str, namespace: str = "Headwater", **dimensions: str) -> list[float]:
    start = datetime.now(UTC) - timedelta(hours=1)
    found = aws("cloudwatch").get_metric_statistics(
        Namespace=namespace,
        MetricName=name,
        Dimensions=[{"Name": key, "Value": value} for key, value in dimensions.items()],
        StartTime=start,
        EndTime=start + timedelta(hours=2),
        Period=24 * 3600,
        Statistics=[statistic],
    )
    return [point[statistic] for point in found["Datapoints"]]


def test_jobs_give_the_metrics_that_the_workflow_declares(tmp_path: Path, endpoint: LocalEndpoint, aws: Client) -> None:
    shutil.copytree(COMMON, tmp_path / "common", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "fit.py").write_text(FIT)
    (tmp_path / "judge.py").write_text(JUDGE)
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    cloud = Cloud("local", boto3.Session(region_name="us-east-1", **keys), endpoint.url, poll_s=0.1)
    outputs = deployed(planned("Words", tmp_path), cloud)
    deployed(planned("Words-too", tmp_path), cloud)  # its filters see the same log groups
    aws("s3").put_object(Bucket=outputs["Bucket"], Key="raw/words/a.txt", Body=b"hello")
    done = run(outputs["StateMachineArn"], aws, RUN_DATE="")
    assert done["status"] == "SUCCEEDED", (done["error"], done["cause"])

    mine = {"Stage": "fit", "Workflow": "Words"}
    assert values(aws, "accuracy", "Maximum", **mine) == [0.75]
    assert values(aws, "accuracy", "SampleCount", **mine) == [2.0]
    assert values(aws, "auc", "Average", Stage="judge it", Workflow="Words") == [0.625]
    assert values(aws, "Errors", "Sum", Stage="judge it", Workflow="Words") == [1.0]
    assert values(aws, "Errors", "Sum", **mine) == []
    (job,) = aws("sagemaker").list_training_jobs()["TrainingJobSummaries"]
    described = aws("sagemaker").describe_training_job(TrainingJobName=job["TrainingJobName"])
    assert [(m["MetricName"], m["Value"]) for m in described["FinalMetricDataList"]] == [("accuracy", 0.75)]
    own = {"namespace": "/aws/sagemaker/TrainingJobs", "TrainingJobName": job["TrainingJobName"]}
    assert values(aws, "accuracy", "Minimum", **own) == [0.5]

    failed = run(outputs["StateMachineArn"], aws, RUN_DATE="never")
    assert failed["status"] == "FAILED" and "no such day" in failed["cause"], failed
    assert values(aws, "Errors", "Sum", **mine) == [1.0]
    metrics = json.loads(run_shown(endpoint.url, "cloudwatch list-metrics"))["Metrics"]
    assert {d["Value"] for each in metrics for d in each["Dimensions"] if d["Name"] == "Workflow"} == {"Words"}
