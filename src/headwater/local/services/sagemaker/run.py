"""The life of one training or processing job, on a thread of its own: from the inputs to the outputs.

Each step is committed before it is told. What ends the job from outside is a flag looked at between steps and a
SIGTERM to the running command. When the endpoint itself stops, the record stays InProgress: its next start finds it
and marks it Failed, as after a kill.
"""

from __future__ import annotations

import logging
import shutil
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

from headwater.local.engines.container import GRACE_S, ContainerEngine, ContainerSpec, ContainerUnavailable
from headwater.local.jobs import Job, JobExit
from headwater.local.identity import Principal
from headwater.local.service import Endpoint, ServiceError
from headwater.local.services.sagemaker.job_table import JobTable, shorten
from headwater.local.services.sagemaker.names import now
from headwater.local.services.sagemaker.script_mode import ScriptError
from headwater.local.services.sagemaker.transfer import Transfer, TransferFailed
from headwater.local.store import Record

SESSION = "SageMaker"
CLOSE_GRACE_S = 3
CLOSE_WAIT_S = 15
INTERRUPTED = "Headwater.Interrupted: the endpoint ended while the job was in progress"

log = logging.getLogger(__name__)


class Closed(Exception):
    """The endpoint is stopping; nothing more is done for the job."""


class Stopped(Exception):
    """The job was stopped before its command ran."""


class JobRun(ABC):
    """One job being run.

    Parameters
    ----------
    record:
        The job as it was created.
    on_end:
        Called when the thread is about to end.
    """

    log_group: ClassVar[str]

    def __init__(
        self,
        endpoint: Endpoint,
        engine: ContainerEngine,
        table: JobTable,
        record: Record,
        on_end: Callable[[JobRun], None],
    ) -> None:
        self.endpoint, self.engine, self.table = endpoint, engine, table
        self.name: str = record["name"]
        self.arn: str = record["arn"]
        self.request = record["request"]
        self.log_stream: str = record["log_stream"]
        self.folder = job_folder(endpoint.home, table.kind, self.name)
        self.ml = self.folder / "ml"
        self._on_end = on_end
        self._lock = threading.Lock()
        self._stopping = self._closing = False
        self._job: Job | None = None
        self._thread = threading.Thread(target=self._main, name=f"{table.kind}-{self.name}", daemon=True)

    # -- from outside --------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin; returns at once."""
        self._thread.start()

    def stop(self) -> None:
        """End the job as StopTrainingJob does: SIGTERM, 120 s, SIGKILL."""
        with self._lock:
            self._stopping = True
            job = self._job
        if job is not None:
            job.stop(GRACE_S)

    def close(self) -> None:
        """The endpoint stops: end the command soon and leave the record as it is."""
        with self._lock:
            self._closing = True
            job = self._job
        if job is not None:
            job.stop(CLOSE_GRACE_S)

    def join(self) -> None:
        """Wait for the thread, not for ever."""
        self._thread.join(CLOSE_WAIT_S)

    # -- the thread ----------------------------------------------------------------------------------------------

    def _main(self) -> None:
        try:
            self.ml.mkdir(parents=True)
            self.work(Transfer(self.endpoint, self._principal()))
        except Closed:
            log.info("%s %s is left to the next start", self.table.kind, self.name)
        except Stopped:
            self.end("Stopped")
        except (ContainerUnavailable, ScriptError) as error:
            self.fail(f"ClientError: {error}")
        except (ServiceError, TransferFailed) as error:
            self.fail(f"ClientError: {error}")
        except Exception as error:
            log.exception("%s %s failed", self.table.kind, self.name)
            self.fail(f"InternalServerError: {type(error).__name__}: {error}")
        finally:
            self.remove_files()
            self._on_end(self)

    def _principal(self) -> Principal:
        by_job = {"service": "sagemaker.amazonaws.com", "source_arn": self.arn}
        return self.endpoint.assume(self.request["RoleArn"], SESSION, **by_job).principal

    def remove_files(self) -> None:
        """Leave nothing of the job on disk: before its last status is seen, so that who waits for it finds it so."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def checkpoint(self) -> None:
        """Between two steps: raise where the job is to end."""
        with self._lock:
            if self._closing:
                raise Closed
            if self._stopping:
                raise Stopped

    def execute(self, spec: ContainerSpec) -> JobExit:
        """Run the command to its end."""
        self.checkpoint()
        job = self.engine.start(spec)
        with self._lock:
            self._job = job
            closing, stopping = self._closing, self._stopping
        if closing or stopping:
            job.stop(CLOSE_GRACE_S if closing else GRACE_S)
        exit = job.wait()
        with self._lock:
            self._job = None
            if self._closing:
                raise Closed
        return exit

    def credentials(self) -> dict[str, str]:
        """The variables that make the job call as its role."""
        return self.endpoint.job_environment(self.request["RoleArn"], SESSION)

    def warn(self, text: str) -> None:
        """Put a line of the platform's into the job's log."""
        self.endpoint.store.append_logs(self.log_group, self.log_stream, [(int(now() * 1000), text)])

    def fail(self, reason: str) -> None:
        """End the job as Failed."""
        self.end("Failed", reason)

    @abstractmethod
    def work(self, transfer: Transfer) -> None:
        """Everything from Starting to the end."""

    @abstractmethod
    def end(self, status: str, reason: str = "") -> None:
        """Commit the last status."""


def job_folder(home: Path, kind: str, name: str) -> Path:
    """Where a job's files are while it runs."""
    return home / "sagemaker" / f"{kind}s" / name


def reason_with(text: str, suffix: str) -> str:
    """A failure reason that is cut so that its suffix stays."""
    return shorten(text)[: 1024 - len(suffix)] + suffix
