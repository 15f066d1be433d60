"""A processing job: download the inputs, run the command, upload the outputs."""

from __future__ import annotations

import json
from contextlib import ExitStack
from typing import Any, ClassVar

from headwater.local.engines.container import ContainerSpec
from headwater.local.jobs import JobExit
from headwater.local.services.sagemaker import script_mode
from headwater.local.services.sagemaker.job_table import shorten
from headwater.local.services.sagemaker.names import now
from headwater.local.services.sagemaker.processing_request import MAX_RUNTIME_S, OPT_ML, input_source, output_target
from headwater.local.services.sagemaker.run import JobRun
from headwater.local.services.sagemaker.transfer import FolderSync, S3Uri, Transfer, TransferFailed
from headwater.local.store import Record

LOG_GROUP = "/aws/sagemaker/ProcessingJobs"
MESSAGE_CHARACTERS = 1024


def finish(record: Record, status: str, reason: str = "", message: str = "") -> None:
    """The last change of a record."""
    record |= {"status": status, "ended": now()}
    if reason:
        record["failure_reason"] = shorten(reason)
    if message:
        record["exit_message"] = message


class ProcessingRun(JobRun):
    """One processing job."""

    log_group: ClassVar[str] = LOG_GROUP

    def work(self, transfer: Transfer) -> None:
        """Download, run, upload."""

        def started(record: Record) -> None:
            record["started"] = now()

        self.table.change(self.name, started)
        self._prepare(transfer)
        outputs = [output_target(item) for item in self._outputs()]
        for path, _, _ in outputs:
            (self.ml / path).mkdir(parents=True, exist_ok=True)
        with ExitStack() as ending:
            syncs = [self._sync(transfer, path, uri) for path, uri, continuous in outputs if continuous]
            for sync in syncs:
                ending.callback(sync.abandon)
                sync.start()
            exit = self.execute(self._command())
            if exit.reason == "exited" and exit.code == 0:
                self._upload(transfer, outputs, syncs)
        self._conclude(exit)

    def _outputs(self) -> list[dict[str, Any]]:
        return (self.request.get("ProcessingOutputConfig") or {}).get("Outputs") or []

    def _prepare(self, transfer: Transfer) -> None:
        for folder in ("config", "output", "processing"):
            (self.ml / folder).mkdir(parents=True)
        job = {"ProcessingJobArn": self.arn, **self.request}
        (self.ml / "config" / "processingjobconfig.json").write_text(json.dumps(job))
        instance_type = self.request["ProcessingResources"]["ClusterConfig"]["InstanceType"]
        hosts = script_mode.resource_config(instance_type)
        (self.ml / "config" / "resourceconfig.json").write_text(json.dumps(hosts))
        for item in self.request.get("ProcessingInputs") or []:
            self.checkpoint()
            uri, path = input_source(item)
            try:
                if not transfer.download(uri, self.ml / path):
                    raise TransferFailed(f"No S3 objects found under {uri}")
            except TransferFailed as error:
                raise TransferFailed(f"Data download failed:{error}") from error

    def _sync(self, transfer: Transfer, path: str, uri: S3Uri) -> FolderSync:
        return FolderSync(transfer, self.ml / path, uri, lambda text: self.warn(f"Output upload failed: {text}"))

    def _command(self) -> ContainerSpec:
        application = self.request["AppSpecification"]
        limits = self.request.get("StoppingCondition") or {}
        code = [f"{OPT_ML}/{input_source(item)[1]}" for item in self.request.get("ProcessingInputs") or []]
        return ContainerSpec(
            id=f"{self.table.kind}-{self.name}",
            folder=self.ml,
            argv=[*application["ContainerEntrypoint"], *(application.get("ContainerArguments") or [])],
            directory=f"{OPT_ML}/processing",
            environment={**self.credentials(), **(self.request.get("Environment") or {})},
            log_group=LOG_GROUP,
            log_stream=self.log_stream,
            code=code,
            timeout_s=limits.get("MaxRuntimeInSeconds", MAX_RUNTIME_S),
        )

    def _upload(self, transfer: Transfer, outputs: list[tuple[str, S3Uri, bool]], syncs: list[FolderSync]) -> None:
        try:
            for path, uri, continuous in outputs:
                if not continuous:
                    transfer.upload(self.ml / path, uri)
            for sync in syncs:
                sync.finish()
        except TransferFailed as error:
            raise TransferFailed(f"Output upload failed:{error}") from error

    def _conclude(self, exit: JobExit) -> None:
        message = self._exit_message()
        if exit.reason != "exited":
            self._finish("Stopped", message=message)
        elif exit.code == 0:
            self._finish("Completed", message=message)
        else:
            reason = f"AlgorithmError: See job logs for more information, exit code: {exit.shell_code}"
            self._finish("Failed", reason, message)

    def _exit_message(self) -> str:
        file = self.ml / "output" / "message"
        return file.read_text(encoding="utf-8", errors="replace")[:MESSAGE_CHARACTERS] if file.is_file() else ""

    def _finish(self, status: str, reason: str = "", message: str = "") -> None:
        self.remove_files()
        self.table.change(self.name, lambda record: finish(record, status, reason, message))

    def end(self, status: str, reason: str = "") -> None:
        """Commit the last status."""
        self._finish(status, reason)
