"""From a job run's record to a running script, and its logs to where the job wants them."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from headwater.local.engines.driver_logs import DriverLogs, put_logs
from headwater.local.engines.script_role import ScriptRole, import_path, name_of, place
from headwater.local.engines.spark import ScriptRun
from headwater.local.engines.spark_jvm import JvmOptions, default_heap_bytes
from headwater.local.engines.submit_parameters import Submit, parse_submit
from headwater.local.jobs import Job, JobExit
from headwater.local.service import Endpoint, Members
from headwater.local.services.emr_serverless.records import invalid
from headwater.local.store import Record

SERVICE = "emr-serverless.amazonaws.com"
GROUP = "/aws/emr-serverless"


def submit_of(driver: Members, overrides: Members) -> Submit:
    """What a job asks of Spark: its defaults, and its own parameters over them. ValidationException by name."""
    if "sparkSubmit" not in driver:
        raise invalid("Headwater computes jobs of sparkSubmit; hive is not computed")
    wanted = driver["sparkSubmit"]
    if not wanted["entryPoint"].endswith(".py"):
        raise invalid(f"Headwater runs Python scripts (.py), got the entry point {wanted['entryPoint']}")
    try:
        submit = parse_submit(wanted.get("sparkSubmitParameters") or "")
    except ValueError as error:
        raise invalid(f"Invalid sparkSubmitParameters: {error}") from error
    if submit.rest:
        raise invalid(f"Invalid sparkSubmitParameters: {submit.rest[0]!r} is no option")
    defaults: dict[str, str] = {}
    for configuration in overrides.get("applicationConfiguration") or []:
        if configuration["classification"] not in ("spark-defaults", "spark"):
            raise invalid(f"Headwater does not compute the classification {configuration['classification']}")
        defaults |= configuration.get("properties") or {}
    submit.conf = {**defaults, **submit.conf}
    return submit


class RunLauncher:
    """Starts scripts; each run's attempt has a folder below ``emr-serverless/runs`` of the endpoint's home."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._folder = endpoint.home / "emr-serverless" / "runs"

    def folder(self, run_id: str) -> Path:
        """The run's working folder."""
        return self._folder / run_id

    def clear(self) -> None:
        """Remove every run's folder: at the start, none is running."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def launch(self, record: Record, on_exit: Callable[[JobExit], None]) -> Job:
        """Start a run's script. :class:`RunFailed` when what it needs cannot be read."""
        run_id = record["jobRunId"]
        folder = self.folder(run_id)
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "tmp").mkdir(parents=True)
        role = self._role(record)
        driver = record["jobDriver"]["sparkSubmit"]
        submit = submit_of(record["jobDriver"], record.get("configurationOverrides") or {})
        script = folder / name_of(driver["entryPoint"])
        script.write_bytes(role.fetch(driver["entryPoint"]))
        packages = [import_path(place(uri, folder / "python", role.fetch)) for uri in submit.py_files]
        for uri in submit.files:
            place(uri, folder, role.fetch)
        jars = tuple(str(place(uri, folder / "jars", role.fetch)) for uri in submit.jars)
        logs = DriverLogs(folder, self._tell(record))

        def ended(exit: JobExit) -> None:
            role.count_files(folder)
            logs.close()
            on_exit(exit)

        minutes = record["executionTimeoutMinutes"]
        run = ScriptRun(
            id=f"{run_id}-{record['attempt']}",
            folder=folder,
            script=script,
            arguments=list(driver.get("entryPointArguments") or []),
            environment={**submit.environment(), **role.environment(folder)},
            timeout_s=minutes * 60 if minutes else None,
            on_line=logs.take,
            shims=False,
            python_path=list(dict.fromkeys([str(folder), *packages])),
            properties={"spark.app.name": record.get("name") or submit.name or run_id, **submit.properties()},
            attempt=int(record["_number"]),
            buckets=role.buckets(),
            rules=self._endpoint.file_rules(role.principal),
            jvm=JvmOptions(default_heap_bytes(), jars=jars) if jars else None,
        )
        try:
            return self._endpoint.spark.start(run, ended)
        except BaseException:
            logs.close()
            raise

    def keep_logs(self, record: Record) -> None:
        """Put a run's driver logs where `s3MonitoringConfiguration` wants them. :class:`RunFailed` if its role may not.

        The layout is EMR Serverless's ("Storing logs", EMR Serverless User Guide, 2026-11).
        """
        uri = (_monitoring(record).get("s3MonitoringConfiguration") or {}).get("logUri")
        folder = self.folder(record["jobRunId"])
        if not uri or not folder.exists():
            return
        put_logs(self._endpoint, self._role(record), folder, f"{uri.rstrip('/')}/{log_path(record)}")

    def _tell(self, record: Record) -> Callable[[str, str], None] | None:
        """What passes a run's lines on to CloudWatch Logs; None where the job does not want it."""
        wanted = _monitoring(record).get("cloudWatchLoggingConfiguration") or {}
        if not wanted.get("enabled"):
            return None
        group, prefix = wanted.get("logGroupName") or GROUP, wanted.get("logStreamNamePrefix")
        place = f"{prefix}/{log_path(record)}" if prefix else log_path(record)
        return lambda stream, line: self._endpoint.jobs.write_log(group, f"{place}/{stream}", line)

    def _role(self, record: Record) -> ScriptRole:
        policy = (record.get("executionIamPolicy") or {}).get("policy")
        session = f"emr-serverless-{record['jobRunId']}"
        policies = (policy,) if policy else ()
        application = str(record["arn"]).partition("/jobruns/")[0]
        return ScriptRole(self._endpoint, record["executionRole"], session, SERVICE, policies, application)


def log_path(record: Record) -> str:
    """Where a run's driver logs stand below a log URI or a stream prefix; attempts after the first have their own."""
    attempt = f"/attempts/{record['attempt']}" if record["attempt"] > 1 else ""
    return f"applications/{record['applicationId']}/jobs/{record['jobRunId']}{attempt}/SPARK_DRIVER"


def _monitoring(record: Record) -> Members:
    found: Members = (record.get("configurationOverrides") or {}).get("monitoringConfiguration") or {}
    return found
