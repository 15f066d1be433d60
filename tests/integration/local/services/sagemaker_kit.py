"""What the SageMaker tests need: a lake, a role, small jobs, and a wait that ends with the job."""

from __future__ import annotations

import io
import json
import tarfile
import threading
import time
from collections.abc import Callable
from typing import Any

from headwater.local.endpoint import LocalEndpoint

WAIT_S = 60
ACCOUNT, BUCKET = "000000000000", "lake"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/jobs"
XGBOOST = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:3.0-5"
SKLEARN = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
ENDED = frozenset({"Completed", "Failed", "Stopped"})


class Kit:
    """A lake with a role that may use it (but not ``secret/``), and SageMaker.

    Parameters
    ----------
    endpoint:
        The endpoint, where it is in this process: needed to wait for events and to read logs.
    """

    def __init__(self, endpoint: LocalEndpoint | None, aws: Callable[..., Any]) -> None:
        self._endpoint = endpoint
        self.s3, self.sagemaker, self.logs = aws("s3"), aws("sagemaker"), aws("logs")
        trust = {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}
        statements = [
            {"Effect": "Allow", "Action": "s3:*", "Resource": "*"},
            {"Effect": "Deny", "Action": "s3:*", "Resource": f"arn:aws:s3:::{BUCKET}/secret/*"},
        ]
        iam = aws("iam")
        iam.create_role(RoleName="jobs", AssumeRolePolicyDocument=json.dumps({"Statement": [trust]}))
        policy = json.dumps({"Version": "2012-10-17", "Statement": statements})
        iam.put_role_policy(RoleName="jobs", PolicyName="lake", PolicyDocument=policy)
        self.s3.create_bucket(Bucket=BUCKET)

    @property
    def endpoint(self) -> LocalEndpoint:
        """The endpoint in this process."""
        assert self._endpoint is not None, "the endpoint is in another process"
        return self._endpoint

    def put(self, key: str, body: bytes | str) -> str:
        """Put an object; returns its URI."""
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=body)
        return f"s3://{BUCKET}/{key}"

    def get(self, key: str) -> bytes:
        """An object's content."""
        content: bytes = self.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
        return content

    def source(self, script: str, name: str = "code/sourcedir.tar.gz", **more: str) -> str:
        """Put a sourcedir.tar.gz with train.py; returns its URI."""
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w:gz") as bundle:
            for file, text in {"train.py": script, **more}.items():
                entry = tarfile.TarInfo(file)
                entry.size = len(text.encode())
                bundle.addfile(entry, io.BytesIO(text.encode()))
        return self.put(name, buffer.getvalue())

    def training(self, name: str, script: str, **members: Any) -> dict[str, Any]:
        """The request of a small training job."""
        own = {"sagemaker_program": '"train.py"', "sagemaker_submit_directory": json.dumps(self.source(script))}
        channels = members.pop("channels", None)
        if channels:
            members["InputDataConfig"] = [
                {"ChannelName": channel, "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": uri}}}
                for channel, uri in channels.items()
            ]
        metrics = members.pop("metrics", {})
        algorithm: dict[str, Any] = {"TrainingImage": XGBOOST, "TrainingInputMode": "File"}
        if metrics:
            algorithm["MetricDefinitions"] = [{"Name": key, "Regex": value} for key, value in metrics.items()]
        return {
            "TrainingJobName": name,
            "RoleArn": ROLE,
            "AlgorithmSpecification": algorithm,
            "HyperParameters": {**own, **members.pop("hyperparameters", {})},
            "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/models/"},
            "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 30},
            "StoppingCondition": {"MaxRuntimeInSeconds": 60},
            **members,
        }

    def processing(self, name: str, script: str, **members: Any) -> dict[str, Any]:
        """The request of a small processing job."""
        code = self.put(f"code/{name}/run.py", script)
        inputs = {"code": code, **members.pop("inputs", {})}
        outputs = members.pop("outputs", {})
        mode = members.pop("mode", "EndOfJob")
        cluster = {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 30}
        return {
            "ProcessingJobName": name,
            "RoleArn": ROLE,
            "AppSpecification": {
                "ImageUri": SKLEARN,
                "ContainerEntrypoint": ["python3", "/opt/ml/processing/input/code/run.py"],
            },
            "ProcessingResources": {"ClusterConfig": cluster},
            "ProcessingInputs": [
                {
                    "InputName": key,
                    "S3Input": {
                        "S3Uri": uri,
                        "LocalPath": f"/opt/ml/processing/input/{key}",
                        "S3DataType": "S3Prefix",
                        "S3InputMode": "File",
                    },
                }
                for key, uri in inputs.items()
            ],
            "ProcessingOutputConfig": {
                "Outputs": [
                    {
                        "OutputName": key,
                        "S3Output": {
                            "S3Uri": uri,
                            "LocalPath": f"/opt/ml/processing/output/{key}",
                            "S3UploadMode": mode,
                        },
                    }
                    for key, uri in outputs.items()
                ]
            },
            "StoppingCondition": {"MaxRuntimeInSeconds": 60},
            **members,
        }

    def wait(self, topic: str, ready: Callable[[], bool]) -> None:
        """Wait for an event of ``topic`` after which ``ready`` is true."""
        changed = threading.Event()
        unsubscribe = self.endpoint.bus.subscribe(topic, lambda event: changed.set())
        try:
            while not ready():
                assert changed.wait(WAIT_S), f"nothing on {topic} in {WAIT_S} s"
                changed.clear()
        finally:
            unsubscribe()

    def wait_for_log(self, group: str, name: str, text: str) -> None:
        """Wait until a job has logged ``text``."""
        self._poll(lambda: text in self.log(group, name), f"{text!r} in the log of {name}")

    def appears(self, key: str) -> bytes:
        """Wait until an object is there; returns its content."""
        self._poll(lambda: self.s3.list_objects_v2(Bucket=BUCKET, Prefix=key)["KeyCount"] > 0, f"the object {key}")
        return self.get(key)

    @staticmethod
    def _poll(ready: Callable[[], bool], what: str) -> None:
        pause, until = threading.Event(), time.monotonic() + WAIT_S
        while not ready():
            assert time.monotonic() < until, f"{what} did not come in {WAIT_S} s"
            pause.wait(0.05)

    def log(self, group: str, name: str) -> str:
        """A job's log so far."""
        rows = self.endpoint.store.query(
            "SELECT message FROM log_events WHERE log_group = ? AND log_stream LIKE ? ORDER BY id", (group, f"{name}/%")
        )
        return "\n".join(row["message"] for row in rows)

    def train(self, request: dict[str, Any]) -> dict[str, Any]:
        """Run a training job to its end; returns its description."""
        self.sagemaker.create_training_job(**request)
        return self.trained(request["TrainingJobName"])

    def trained(self, name: str) -> dict[str, Any]:
        """Wait for a training job's end."""

        def describe() -> dict[str, Any]:
            answer: dict[str, Any] = self.sagemaker.describe_training_job(TrainingJobName=name)
            return answer

        self.wait("sagemaker.training-job", lambda: describe()["TrainingJobStatus"] in ENDED)
        return describe()

    def process(self, request: dict[str, Any]) -> dict[str, Any]:
        """Run a processing job to its end; returns its description."""
        self.sagemaker.create_processing_job(**request)
        return self.processed(request["ProcessingJobName"])

    def processed(self, name: str) -> dict[str, Any]:
        """Wait for a processing job's end."""

        def describe() -> dict[str, Any]:
            answer: dict[str, Any] = self.sagemaker.describe_processing_job(ProcessingJobName=name)
            return answer

        self.wait("sagemaker.processing-job", lambda: describe()["ProcessingJobStatus"] in ENDED)
        return describe()
