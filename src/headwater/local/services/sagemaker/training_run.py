"""A training job: download, train, upload, with the statuses, files and failure texts of AWS's.

Not faithful to AWS: nothing is launched, so Starting takes no time; spot capacity is never taken away, and
BillableTimeInSeconds equals TrainingTimeInSeconds.
"""

from __future__ import annotations

import json
import logging
import shlex
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

from headwater.local.engines.container import ContainerSpec
from headwater.local.jobs import JobExit
from headwater.local.service import Endpoint, ServiceError
from headwater.local.services.sagemaker import script_mode
from headwater.local.services.sagemaker.images import framework_of
from headwater.local.services.sagemaker.job_table import JobTable, shorten
from headwater.local.services.sagemaker.metrics import MetricReader
from headwater.local.services.sagemaker.names import moment, now
from headwater.local.services.sagemaker.run import JobRun, reason_with
from headwater.local.services.sagemaker.script_mode import TrainingScript
from headwater.local.services.sagemaker.training_request import MAX_RUNTIME_S, channel_source
from headwater.local.services.sagemaker.transfer import FolderSync, S3Uri, Transfer, TransferFailed, files_below
from headwater.local.store import Record

LOG_GROUP = "/aws/sagemaker/TrainingJobs"
CHECKPOINTS = "/opt/ml/checkpoints"
GZIP_LEVEL = 6
METRICS_A_CALL = 500
REASON_FILE_CHARACTERS = 1024

# Secondary status → the message that DescribeTrainingJob shows with it.
MESSAGES = {
    "Completed": "Training job completed",
    "Downloading": "Downloading input data",
    "Failed": "Training job failed",
    "MaxRuntimeExceeded": "Training job runtime exceeded MaxRuntimeInSeconds provided",
    "Starting": "Preparing the instances for training",
    "Stopped": "Training job stopped",
    "Stopping": "Stopping the training job",
    "Training": "Training image download completed. Training in progress.",
    "Uploading": "Uploading generated training model",
}
LAST = frozenset({"Completed", "Failed", "MaxRuntimeExceeded", "Stopped"})

log = logging.getLogger(__name__)


def enter(record: Record, secondary: str, message: str = "") -> None:
    """Go to a secondary status; the one before ends."""
    at = now()
    transitions = record.setdefault("transitions", [])
    if transitions:
        transitions[-1].setdefault("EndTime", at)
    entry = {"Status": secondary, "StartTime": at, "StatusMessage": message or MESSAGES[secondary]}
    if secondary in LAST:
        entry["EndTime"] = at
    transitions.append(entry)
    record["secondary"] = secondary


def finish(record: Record, status: str, secondary: str, reason: str = "") -> None:
    """The last change of a record."""
    enter(record, secondary, reason)
    record |= {"status": status, "ended": now()}
    if reason:
        record["failure_reason"] = shorten(reason)
    started = record.get("started")
    if started is not None:
        record["training_s"] = max(1, round(record["ended"] - started))


class TrainingRun(JobRun):
    """One training job."""

    log_group: ClassVar[str] = LOG_GROUP

    def __init__(
        self, endpoint: Endpoint, engine: Any, table: JobTable, record: Record, on_end: Callable[[JobRun], None]
    ) -> None:
        super().__init__(endpoint, engine, table, record, on_end)
        algorithm = self.request["AlgorithmSpecification"]
        self.framework = framework_of(algorithm["TrainingImage"])
        self.metrics = MetricReader(algorithm.get("MetricDefinitions") or [])
        self.environment: dict[str, str] = self.request.get("Environment") or {}
        script = TrainingScript.parse(self.request.get("HyperParameters") or {}, self.environment)
        assert script is not None  # nosec B101: checked when the job was created
        self.script = script
        self._sync: FolderSync | None = None

    def work(self, transfer: Transfer) -> None:
        """Download, train, upload."""
        self._enter("Downloading")
        try:
            self._prepare(transfer)
        except TransferFailed as error:
            raise TransferFailed(f"Data download failed:{error}") from error
        self.checkpoint()
        self._sync = self._checkpoint_sync(transfer)
        try:
            self._enter("Training")
            exit = self.execute(self._command())
        except BaseException:
            if self._sync:
                self._sync.abandon()
            raise
        if self._sync:
            self._sync.finish()
        self._conclude(exit, transfer)

    def _enter(self, secondary: str) -> None:
        def edit(record: Record) -> None:
            enter(record, secondary)
            if secondary == "Downloading":
                record["started"] = now()

        self.table.change(self.name, edit)

    # -- before --------------------------------------------------------------------------------------------------

    def _prepare(self, transfer: Transfer) -> None:
        for folder in ("code", "input/config", "input/data", "model", "output/data", "output/intermediate"):
            (self.ml / folder).mkdir(parents=True)
        self._write_configuration()
        for channel in self.request.get("InputDataConfig") or []:
            self.checkpoint()
            uri = channel_source(channel)
            if not transfer.download(uri, self.ml / "input" / "data" / channel["ChannelName"]):
                raise TransferFailed(f"No S3 objects found under {uri}")
        archive = self.folder / "sourcedir.tar.gz"
        transfer.download_file(S3Uri.parse(self.script.source), archive)
        script_mode.unpack(archive, self.ml / "code", self.script)

    def _write_configuration(self) -> None:
        files = {
            "hyperparameters": self.request.get("HyperParameters") or {},
            "inputdataconfig": self._channels(),
            "resourceconfig": self._resources(),
        }
        for name, content in files.items():
            (self.ml / "input" / "config" / f"{name}.json").write_text(json.dumps(content))

    def _channels(self) -> dict[str, dict[str, Any]]:
        return {
            channel["ChannelName"]: _channel_settings(channel) for channel in self.request.get("InputDataConfig") or []
        }

    def _resources(self) -> dict[str, Any]:
        return script_mode.resource_config((self.request.get("ResourceConfig") or {}).get("InstanceType", ""))

    def _checkpoint_sync(self, transfer: Transfer) -> FolderSync | None:
        config = self.request.get("CheckpointConfig")
        if not config:
            return None
        folder = self.ml / Path(config.get("LocalPath") or CHECKPOINTS).relative_to("/opt/ml")
        uri = S3Uri.parse(config["S3Uri"].rstrip("/") + "/")
        transfer.download(uri, folder)
        sync = FolderSync(transfer, folder, uri, lambda text: self.warn(f"Checkpoint upload failed: {text}"))
        sync.start()
        return sync

    def _command(self) -> ContainerSpec:
        variables = script_mode.variables(
            self.script, self._channels(), self._resources(), self.framework.training_module
        )
        job = {"TRAINING_JOB_NAME": self.name, "TRAINING_JOB_ARN": self.arn}
        return ContainerSpec(
            id=f"{self.table.kind}-{self.name}",
            folder=self.ml,
            argv=self.script.command(),
            directory=script_mode.CODE,
            environment={**variables, **job, **self.credentials(), **self.environment},
            log_group=LOG_GROUP,
            log_stream=self.log_stream,
            code=[script_mode.CODE],
            timeout_s=(self.request.get("StoppingCondition") or {}).get("MaxRuntimeInSeconds", MAX_RUNTIME_S),
            on_line=self.metrics,
        )

    # -- after ---------------------------------------------------------------------------------------------------

    def _conclude(self, exit: JobExit, transfer: Transfer) -> None:
        if exit.reason == "exited" and exit.code != 0:
            self.fail(self._algorithm_error(exit))
            return
        self._enter("Uploading")
        try:
            artifact = self._upload(transfer)
        except TransferFailed as error:
            raise TransferFailed(f"Artifact upload failed:{error}") from error
        status, secondary = {
            "exited": ("Completed", "Completed"),
            "timeout": ("Stopped", "MaxRuntimeExceeded"),
        }.get(exit.reason, ("Stopped", "Stopped"))
        self._finish(status, secondary, artifact=artifact)

    def _algorithm_error(self, exit: JobExit) -> str:
        code = exit.shell_code
        file = self.ml / "output" / "failure"
        if file.is_file():
            text = file.read_text(encoding="utf-8", errors="replace")[:REASON_FILE_CHARACTERS]
        else:
            last = next((line for line in reversed(exit.tail) if line.strip()), "")
            command = shlex.join(self.script.command())
            text = f'ExecuteUserScriptError:\nExitCode {code}\nErrorMessage "{last}"\nCommand "{command}"'
        return reason_with(f"AlgorithmError: {text}", f", exit code: {code}")

    def _upload(self, transfer: Transfer) -> str:
        output = self.request["OutputDataConfig"]
        place = S3Uri.parse(output["S3OutputPath"]).below(f"{self.name}/output")
        if output.get("CompressionType") == "NONE":
            transfer.upload(self.ml / "model", place.below("model"))
            transfer.upload(self.ml / "output" / "data", place.below("data"))
            return f"{place.below('model')}/"
        for folder, name in ((self.ml / "model", "model.tar.gz"), (self.ml / "output" / "data", "output.tar.gz")):
            if any(files_below(folder)):
                transfer.upload_file(pack(folder, self.folder / name), place.below(name))
        return str(place.below("model.tar.gz"))

    def _finish(self, status: str, secondary: str, reason: str = "", artifact: str = "") -> None:
        final = self.metrics.final()
        self._put_metrics()
        self.remove_files()

        def edit(record: Record) -> None:
            finish(record, status, secondary, reason)
            if final:
                record["metrics"] = final
            if artifact:
                record["artifact"] = artifact

        self.table.change(self.name, edit)

    def end(self, status: str, reason: str = "") -> None:
        """Commit the last status."""
        self._finish(status, status, reason)

    def _put_metrics(self) -> None:
        """The metrics as CloudWatch data points; a job does not fail for want of them, as on AWS."""
        dimensions = [{"Name": "TrainingJobName", "Value": self.name}]
        points = [
            {"MetricName": name, "Value": value, "Timestamp": moment(at), "Dimensions": dimensions}
            for name, value, at in self.metrics.points
        ]
        try:
            for first in range(0, len(points), METRICS_A_CALL):
                self.endpoint.call(
                    "cloudwatch",
                    "put_metric_data",
                    Namespace=LOG_GROUP,
                    MetricData=points[first : first + METRICS_A_CALL],
                )
        except ServiceError as error:
            log.warning("metrics of %s are not in CloudWatch: %s", self.name, error)


def _channel_settings(channel: dict[str, Any]) -> dict[str, Any]:
    settings = {
        "ContentType": channel.get("ContentType"),
        "RecordWrapperType": channel.get("RecordWrapperType", "None"),
        "S3DistributionType": channel["DataSource"]["S3DataSource"].get("S3DataDistributionType", "FullyReplicated"),
        "TrainingInputMode": channel.get("InputMode", "File"),
    }
    return {name: value for name, value in settings.items() if value is not None}


def pack(folder: Path, archive: Path) -> Path:
    """A tar.gz of what is in ``folder``."""
    with tarfile.open(archive, "w:gz", compresslevel=GZIP_LEVEL) as bundle:
        for path in sorted(folder.iterdir()):
            bundle.add(path, arcname=path.name)
    return archive
