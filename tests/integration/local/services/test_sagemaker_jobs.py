"""Training and processing jobs, through boto3 and for real."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from headwater.local.endpoint import EndpointSettings, LocalEndpoint
from tests.integration.local.services.sagemaker_kit import BUCKET, ROLE, Kit

TRAINING_LOG, PROCESSING_LOG = "/aws/sagemaker/TrainingJobs", "/aws/sagemaker/ProcessingJobs"

TRAIN = """
import argparse, json, os, pathlib
parser = argparse.ArgumentParser()
parser.add_argument("--depth", type=int)
parser.add_argument("-C", type=float)
args = parser.parse_args()
rows = sum(len(p.read_text().splitlines()) for p in pathlib.Path(os.environ["SM_CHANNEL_TRAIN"]).rglob("*.csv"))
for score in (0.5, 0.75):
    print(f"validation-auc:{score}", flush=True)
model = {"rows": rows, "depth": args.depth, "C": args.C, "job": os.environ["TRAINING_JOB_NAME"]}
pathlib.Path("/opt/ml/model/model.json").write_text(json.dumps(model))
pathlib.Path(os.environ["SM_OUTPUT_DATA_DIR"], "plot.txt").write_text("plot")
"""

WAITING = """
import os, pathlib, signal, sys
def end(number, frame):
    pathlib.Path("/opt/ml/model/partial").write_text("so far")
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
print("ready", flush=True)
signal.pause()
"""


@pytest.fixture
def kit(endpoint: LocalEndpoint, aws: Callable[..., Any]) -> Kit:
    return Kit(endpoint, aws)


def unpacked(archive: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(archive)) as bundle:
        return {member.name: bundle.extractfile(member).read() for member in bundle if member.isfile()}  # type: ignore


def test_a_script_is_trained_from_channels_to_model(kit: Kit) -> None:
    kit.put("train/a.csv", "1\n2\n")
    kit.put("train/deep/b.csv", "3\n")
    job = kit.train(
        kit.training(
            "fit-1",
            TRAIN,
            channels={"train": f"s3://{BUCKET}/train/"},
            hyperparameters={"depth": "3", "C": "0.5"},
            metrics={"validation:auc": "validation-auc:([0-9.]+)"},
        )
    )
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Completed", "Completed"), job.get("FailureReason")
    assert job["ModelArtifacts"]["S3ModelArtifacts"] == f"s3://{BUCKET}/models/fit-1/output/model.tar.gz"
    model = unpacked(kit.get("models/fit-1/output/model.tar.gz"))
    assert json.loads(model["model.json"]) == {"rows": 3, "depth": 3, "C": 0.5, "job": "fit-1"}
    assert unpacked(kit.get("models/fit-1/output/output.tar.gz")) == {"plot.txt": b"plot"}
    assert [(m["MetricName"], m["Value"]) for m in job["FinalMetricDataList"]] == [("validation:auc", 0.75)]
    statuses = [entry["Status"] for entry in job["SecondaryStatusTransitions"]]
    assert statuses == ["Starting", "Downloading", "Training", "Uploading", "Completed"]
    assert job["TrainingStartTime"] <= job["TrainingEndTime"]
    assert job["BillableTimeInSeconds"] == job["TrainingTimeInSeconds"] >= 1
    assert "validation-auc:0.75" in kit.log(TRAINING_LOG, "fit-1")
    of_model = {"Name": "ModelArtifacts.S3ModelArtifacts", "Value": job["ModelArtifacts"]["S3ModelArtifacts"]}
    [found] = kit.sagemaker.search(Resource="TrainingJob", SearchExpression={"Filters": [of_model]})["Results"]
    assert found["TrainingJob"]["TrainingJobName"] == "fit-1"
    assert not (kit.endpoint.home / "sagemaker" / "training-jobs" / "fit-1").exists()


def test_a_failing_script_tells_its_command_and_last_line(kit: Kit) -> None:
    job = kit.train(kit.training("fit-2", "raise ValueError('no luck')"))
    assert job["TrainingJobStatus"] == job["SecondaryStatus"] == "Failed"
    assert job["FailureReason"] == (
        'AlgorithmError: ExecuteUserScriptError:\nExitCode 1\nErrorMessage "ValueError: no luck"\n'
        'Command "python3 train.py", exit code: 1'
    )


def test_the_failure_file_is_the_reason(kit: Kit) -> None:
    script = "open('/opt/ml/output/failure', 'w').write('too few rows'); raise SystemExit(2)"
    assert kit.train(kit.training("fit-3", script))["FailureReason"] == "AlgorithmError: too few rows, exit code: 2"


def test_a_job_reads_only_what_its_role_may(kit: Kit) -> None:
    kit.put("secret/a.csv", "1\n")
    job = kit.train(kit.training("fit-4", TRAIN, channels={"train": f"s3://{BUCKET}/secret/"}))
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("ClientError: Data download failed:AccessDenied")


def test_writing_to_an_input_leaves_the_lake_alone(kit: Kit) -> None:
    kit.put("train/a.csv", "1\n")
    script = "open('/opt/ml/input/data/train/a.csv', 'a').write('spoilt')"
    assert (
        kit.train(kit.training("fit-5", script, channels={"train": f"s3://{BUCKET}/train/"}))["TrainingJobStatus"]
        == "Completed"
    )
    assert kit.get("train/a.csv") == b"1\n"


def test_a_job_over_its_time_is_stopped_with_what_it_saved(kit: Kit) -> None:
    job = kit.train(kit.training("fit-6", WAITING, StoppingCondition={"MaxRuntimeInSeconds": 1}))
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "MaxRuntimeExceeded")
    assert unpacked(kit.get("models/fit-6/output/model.tar.gz")) == {"partial": b"so far"}


def test_a_job_is_stopped_on_demand(kit: Kit) -> None:
    kit.sagemaker.create_training_job(**kit.training("fit-7", WAITING))
    kit.wait_for_log(TRAINING_LOG, "fit-7", "ready")
    kit.sagemaker.stop_training_job(TrainingJobName="fit-7")
    job = kit.trained("fit-7")
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "Stopped")
    with pytest.raises(ClientError, match="rejected because the training job is in status Stopped"):
        kit.sagemaker.stop_training_job(TrainingJobName="fit-7")


def test_checkpoints_go_to_s3_while_running_and_come_back(kit: Kit) -> None:
    kit.put("checkpoints/old", "40")
    script = """
import pathlib, signal, sys
folder = pathlib.Path("/opt/ml/checkpoints")
(folder / "new").write_text(str(int((folder / "old").read_text()) + 1))
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
print("ready", flush=True)
signal.pause()
"""
    config = {"S3Uri": f"s3://{BUCKET}/checkpoints", "LocalPath": "/opt/ml/checkpoints"}
    kit.sagemaker.create_training_job(**kit.training("fit-8", script, CheckpointConfig=config))
    kit.wait_for_log(TRAINING_LOG, "fit-8", "ready")
    assert kit.appears("checkpoints/new") == b"41"
    assert kit.sagemaker.describe_training_job(TrainingJobName="fit-8")["TrainingJobStatus"] == "InProgress"
    kit.sagemaker.stop_training_job(TrainingJobName="fit-8")
    assert kit.trained("fit-8")["TrainingJobStatus"] == "Stopped"


def test_a_processing_job_turns_inputs_into_outputs(kit: Kit) -> None:
    kit.put("raw/a.txt", "a")
    kit.put("models/m/model.tar.gz", "m")
    script = """
import json, os, pathlib
base = pathlib.Path("/opt/ml/processing")
names = sorted(str(p.relative_to(base / "input")) for p in (base / "input").rglob("*") if p.is_file())
(base / "output/result/deep").mkdir(parents=True)
(base / "output/result/deep/names.json").write_text(json.dumps(names))
config = json.loads(pathlib.Path("/opt/ml/config/processingjobconfig.json").read_text())
pathlib.Path("/opt/ml/output/message").write_text(config["ProcessingJobName"] + os.environ["RUN_DATE"])
"""
    job = kit.process(
        kit.processing(
            "split-1",
            script,
            inputs={"raw": f"s3://{BUCKET}/raw/", "model": f"s3://{BUCKET}/models/m/model.tar.gz"},
            outputs={"result": f"s3://{BUCKET}/processed/result/"},
            Environment={"RUN_DATE": "2013-01"},
        )
    )
    assert job["ProcessingJobStatus"] == "Completed", job.get("FailureReason")
    assert job["ExitMessage"] == "split-12013-01"
    assert job["ProcessingResources"]["ClusterConfig"]["InstanceType"] == "ml.m5.large"
    assert json.loads(kit.get("processed/result/deep/names.json")) == ["code/run.py", "model/model.tar.gz", "raw/a.txt"]


def test_a_failing_processing_job_uploads_nothing(kit: Kit) -> None:
    script = "open('/opt/ml/processing/output/result/x', 'w').write('x'); raise SystemExit(3)"
    job = kit.process(kit.processing("split-2", script, outputs={"result": f"s3://{BUCKET}/processed/result/"}))
    assert job["ProcessingJobStatus"] == "Failed"
    assert job["FailureReason"] == "AlgorithmError: See job logs for more information, exit code: 3"
    assert "Contents" not in kit.s3.list_objects_v2(Bucket=BUCKET, Prefix="processed/")


def test_continuous_outputs_arrive_while_the_job_runs(kit: Kit) -> None:
    script = "import signal; open('/opt/ml/processing/output/result/x', 'w').write('x'); print('ready'); signal.pause()"
    request = kit.processing(
        "split-3", script, outputs={"result": f"s3://{BUCKET}/processed/result"}, mode="Continuous"
    )
    kit.sagemaker.create_processing_job(**request)
    kit.wait_for_log(PROCESSING_LOG, "split-3", "ready")
    assert kit.appears("processed/result/x") == b"x"
    kit.sagemaker.stop_processing_job(ProcessingJobName="split-3")
    assert kit.processed("split-3")["ProcessingJobStatus"] == "Stopped"


def test_a_missing_input_is_named(kit: Kit) -> None:
    job = kit.process(kit.processing("split-4", "", inputs={"raw": f"s3://{BUCKET}/nowhere/"}))
    assert job["FailureReason"] == f"ClientError: Data download failed:No S3 objects found under s3://{BUCKET}/nowhere/"


def test_jobs_in_flight_when_the_endpoint_ends_are_failed_by_the_next(
    kit: Kit, endpoint: LocalEndpoint, tmp_path: Path
) -> None:
    kit.sagemaker.create_training_job(**kit.training("fit-9", WAITING))
    kit.sagemaker.create_processing_job(**kit.processing("split-9", WAITING.replace("/opt/ml/model", "/opt/ml")))
    kit.wait_for_log(TRAINING_LOG, "fit-9", "ready")
    kit.wait_for_log(PROCESSING_LOG, "split-9", "ready")
    endpoint.stop()
    again = LocalEndpoint(EndpointSettings(home=endpoint.home))
    again.start()
    try:
        training = again.call("sagemaker", "describe_training_job", TrainingJobName="fit-9")
        processing = again.call("sagemaker", "describe_processing_job", ProcessingJobName="split-9")
        assert training["TrainingJobStatus"] == processing["ProcessingJobStatus"] == "Failed"
        assert training["FailureReason"].startswith("Headwater.Interrupted: ")
        assert processing["FailureReason"].startswith("Headwater.Interrupted: ")
        assert not (again.home / "sagemaker").exists()
    finally:
        again.stop()


REFUSED = {
    "a custom image": (
        {"AlgorithmSpecification": {"TrainingImage": "me/own:1", "TrainingInputMode": "File"}},
        "me/own:1",
    ),
    "a built-in algorithm": ({"HyperParameters": {"k": "1"}}, "without a script"),
    "a cluster": (
        {"ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 2, "VolumeSizeInGB": 1}},
        "InstanceCount 2",
    ),
    "a bad name": ({"TrainingJobName": "under_score"}, "failed to satisfy constraint"),
    "an unknown role": ({"RoleArn": f"{ROLE}-other"}, "Could not assume role"),
    "spot without a wait": ({"EnableManagedSpotTraining": True}, "MaxWaitTimeInSeconds must be provided"),
    "a wait without spot": (
        {"StoppingCondition": {"MaxRuntimeInSeconds": 1, "MaxWaitTimeInSeconds": 2}},
        "only applicable for Managed Spot",
    ),
    "experiments": ({"ExperimentConfig": {"TrialName": "t"}}, "ExperimentConfig"),
}


@pytest.mark.parametrize("case", sorted(REFUSED))
def test_what_cannot_be_run_is_refused_by_name(kit: Kit, case: str) -> None:
    members, text = REFUSED[case]
    with pytest.raises(ClientError, match="ValidationException") as refusal:
        kit.sagemaker.create_training_job(**{**kit.training("fit-x", ""), **members})
    assert text in str(refusal.value)
    assert kit.sagemaker.list_training_jobs()["TrainingJobSummaries"] == []


def test_a_name_is_taken_for_ever_and_a_missing_job_is_told(kit: Kit) -> None:
    request = kit.training("fit-a", "")
    kit.train(request)
    with pytest.raises(ClientError, match="Training job names must be unique") as taken:
        kit.sagemaker.create_training_job(**request)
    assert taken.value.response["Error"]["Code"] == "ResourceInUse"
    with pytest.raises(ClientError, match="Requested resource not found."):
        kit.sagemaker.describe_training_job(TrainingJobName="no")
    with pytest.raises(ClientError, match="Could not find requested job with name: no"):
        kit.sagemaker.describe_processing_job(ProcessingJobName="no")


def test_jobs_are_listed_filtered_and_paged(kit: Kit) -> None:
    for name in ("fit-a", "fit-b", "other"):
        kit.train(kit.training(name, "" if name != "fit-b" else "1/0"))
    pages = kit.sagemaker.get_paginator("list_training_jobs").paginate(
        SortBy="Name", SortOrder="Descending", PaginationConfig={"PageSize": 2}
    )
    assert [job["TrainingJobName"] for page in pages for job in page["TrainingJobSummaries"]] == [
        "other",
        "fit-b",
        "fit-a",
    ]
    failed = kit.sagemaker.list_training_jobs(StatusEquals="Failed", NameContains="FIT")["TrainingJobSummaries"]
    assert [job["TrainingJobName"] for job in failed] == ["fit-b"]


def test_tags_belong_to_a_job(kit: Kit) -> None:
    request = kit.training("fit-t", "", Tags=[{"Key": "Environment", "Value": "demo"}])
    arn = kit.train(request)["TrainingJobArn"]
    kit.sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "a", "Value": "1"}])
    kit.sagemaker.delete_tags(ResourceArn=arn, TagKeys=["Environment"])
    assert kit.sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "a", "Value": "1"}]
    with pytest.raises(ClientError, match="does not exist"):
        kit.sagemaker.list_tags(ResourceArn=arn + "x")
