"""From a step's record to a running script, and its logs to where EMR puts them.

``controller`` tells the command and the exit code; EMR's ``syslog`` is not written. As on AWS a step does not fail
where its logs may not be put. A step that could not start has no logs but its FailureDetails.

Source: Amazon EMR Management Guide, "View log files" (2026-11).
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable
from pathlib import Path
from shlex import join

from headwater.local.engines.driver_logs import STREAMS, DriverLogs, put_logs
from headwater.local.engines.script_role import RunFailed, ScriptRole, import_path, name_of, place
from headwater.local.engines.spark import ScriptRun
from headwater.local.engines.spark_jvm import JvmOptions, default_heap_bytes
from headwater.local.identity.gathering import role_of_profile
from headwater.local.jobs import Job, JobExit
from headwater.local.service import Endpoint, Members, ServiceError
from headwater.local.services.emr.monitoring import step_stream
from headwater.local.services.emr.records import submit_of
from headwater.local.services.emr.refusals import has_spark

log = logging.getLogger(__name__)


class StepLauncher:
    """Starts steps; each has a folder below ``emr/steps`` of the endpoint's home."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._folder = endpoint.home / "emr" / "steps"

    def folder(self, step: str) -> Path:
        """The step's working folder."""
        return self._folder / step

    def clear(self) -> None:
        """Remove every step's folder: at the start, none is running."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def profile_role(self, profile: str) -> str:
        """The ARN of an instance profile's role. :class:`RunFailed` where there is none."""
        name = profile.rsplit("/", 1)[-1]
        try:
            role = role_of_profile(self._endpoint.call, profile)
        except ServiceError as error:
            raise RunFailed(f"{error.code}: the instance profile {name}: {error.message}") from error
        if role is None:
            raise RunFailed(f"The instance profile {name} has no role")
        return role

    def role(self, cluster: Members, step: Members | None = None) -> ScriptRole:
        """The role that a step runs as: the profile's, or the step's execution role, assumed by it."""
        session = step["Id"] if step else cluster["Id"]
        profile = self.profile_role(cluster["Ec2InstanceAttributes"]["IamInstanceProfile"])
        found = ScriptRole(self._endpoint, profile, session, "ec2.amazonaws.com")
        runtime = step.get("ExecutionRoleArn") if step else None
        if not runtime:
            return found
        try:
            self._endpoint.call(
                "sts", "assume_role", principal=found.principal, RoleArn=runtime, RoleSessionName=session
            )
        except ServiceError as error:
            raise RunFailed(f"{error.code}: {error.message}") from error
        return ScriptRole(self._endpoint, runtime, session, None)

    def launch(self, cluster: Members, step: Members, on_exit: Callable[[JobExit], None]) -> Job:
        """Start a step's script. :class:`RunFailed` when what it needs cannot be read."""
        if not has_spark(cluster):
            raise RunFailed('Cannot run program "spark-submit": Spark is not among the Applications of this cluster')
        folder = self.folder(step["Id"])
        (folder / "tmp").mkdir(parents=True)
        submit = submit_of(step["_config"])
        role = self.role(cluster, step)
        script = folder / name_of(submit.rest[0])
        place(submit.rest[0], folder, role.fetch)
        packages = [import_path(place(uri, folder / "python", role.fetch)) for uri in submit.py_files]
        for uri in submit.files:
            place(uri, folder, role.fetch)
        jars = tuple(str(place(uri, folder / "jars", role.fetch)) for uri in submit.jars)
        defaults: dict[str, str] = {}
        for configuration in cluster.get("Configurations") or []:
            if configuration.get("Classification") == "spark-defaults":
                defaults |= configuration.get("Properties") or {}
        submit.conf = {**defaults, **submit.conf}

        def tell(stream: str, line: str) -> None:
            place = step_stream(cluster, step["Id"], stream)
            if place is not None:
                self._endpoint.jobs.write_log(*place, line)

        logs = DriverLogs(folder, tell)

        def ended(exit: JobExit) -> None:
            role.count_files(folder)
            logs.close()
            self._keep_logs(cluster, step, exit)
            on_exit(exit)

        run = ScriptRun(
            id=step["Id"],
            folder=folder,
            script=script,
            arguments=submit.rest[1:],
            environment={**submit.environment(), **role.environment(folder)},
            timeout_s=None,
            on_line=logs.take,
            shims=False,
            python_path=list(dict.fromkeys([str(folder), *packages])),
            properties={"spark.app.name": submit.name or step["Name"], **submit.properties()},
            attempt=int(step["_number"]),
            buckets=role.buckets(),
            rules=self._endpoint.file_rules(role.principal),
            jvm=JvmOptions(default_heap_bytes(), jars=jars) if jars else None,
        )
        try:
            return self._endpoint.spark.start(run, ended)
        except BaseException:
            logs.close()
            raise

    def _keep_logs(self, cluster: Members, step: Members, exit: JobExit) -> None:
        """Put the logs below LogUri, as the profile's role."""
        uri = cluster.get("LogUri")
        if not uri:
            return
        folder, jar = self.folder(step["Id"]), step["_config"]["HadoopJarStep"]
        (folder / ".controller").write_text(
            f"INFO startExec '{join([jar['Jar'], *jar['Args']])}'\n"
            f"INFO waitProcessCompletion ended with exit code {exit.shell_code}\n"
            f"INFO total process run time: {exit.duration_s:.0f} seconds\n"
        )
        try:
            where = f"{uri.rstrip('/')}/{cluster['Id']}/steps/{step['Id']}"
            put_logs(self._endpoint, self.role(cluster), folder, where, ("controller", *STREAMS))
        except RunFailed as error:
            log.warning("the logs of step %s are not below %s: %s", step["Id"], uri, error)
