"""The arguments of a job run: merged, split into those for Glue and those for the script, files fetched.

Special parameters: AWS Glue, "Using job parameters in AWS Glue jobs" (2023-06). Of those, the ones that would change
what is computed and are not computed here fail the run by name; the ones about metrics and consoles have no effect.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from headwater.local.engines.script_role import Fetch, RunFailed, import_path, name_of, place
from headwater.local.engines.spark_jvm import JVM_PROPERTIES
from headwater.local.engines.spark_settings import parse_conf_argument
from headwater.local.service import Members, ServiceError

# Glue's own, which would have to be computed: what asks for one of them fails rather than run without it.
REFUSED = {
    "--datalake-formats": "Delta, Hudi and Iceberg tables",
    "--python-modules-installer-option": "installing Python modules",
}
REQUIREMENT = re.compile(r"^\s*([A-Za-z0-9][A-Za-z0-9._-]*)\s*(\[[^]]*\])?\s*(.*?)\s*$")
CONDITION = re.compile(r"^\s*(==|>=|<=|!=|>|<|~=)\s*([0-9][0-9A-Za-z.]*)\s*$")


@dataclass
class ScriptFiles:
    """What a run finds on its disk."""

    script: Path
    python_path: list[str] = field(default_factory=list)
    jars: list[str] = field(default_factory=list)


def merge(job: Members, given: dict[str, str]) -> dict[str, str]:
    """DefaultArguments, overridden by the run's Arguments, overridden by NonOverridableArguments."""
    fixed = job.get("NonOverridableArguments") or {}
    return {**(job.get("DefaultArguments") or {}), **given, **fixed}


def command_line(merged: dict[str, str], job_name: str, run_id: str) -> list[str]:
    """What the script gets as ``sys.argv[1:]``."""
    line = ["--JOB_NAME", job_name, "--JOB_RUN_ID", run_id, "--JOB_ID", f"j_{_digest(job_name)}"]
    for name, value in merged.items():
        if name not in ("--JOB_NAME", "--JOB_RUN_ID", "--JOB_ID"):
            line += [name, value]
    return line


def check(merged: dict[str, str]) -> None:
    """InvalidInputException for arguments that cannot be honoured, before anything starts."""
    for name in merged:
        if not name.startswith("--"):
            raise ServiceError("InvalidInputException", f"Argument names begin with --, got {name!r}")
        if name in REFUSED and merged[name]:
            raise ServiceError(
                "InvalidInputException", f"Headwater does not compute {REFUSED[name]} yet: remove the argument {name}"
            )


def spark_properties(merged: dict[str, str]) -> dict[str, str]:
    """The properties of ``--conf``; :class:`RunFailed` when it is malformed or asks for JVM options."""
    try:
        properties = parse_conf_argument(merged.get("--conf", ""))
    except ValueError as error:
        raise RunFailed(f"InvalidArgument: {error}") from error
    for name in JVM_PROPERTIES:
        properties.pop(name, None)  # the driver is this machine's; Glue, too, sizes it by the worker type
    return properties


def fetch_files(merged: dict[str, str], script_uri: str, folder: Path, fetch: Fetch) -> ScriptFiles:
    """Bring the script and the --extra-… files into the run's folder."""
    script = folder / name_of(script_uri)
    script.write_bytes(fetch(script_uri))
    files = ScriptFiles(script)
    for uri in _split(merged.get("--extra-py-files", "")):
        files.python_path.append(import_path(place(uri, folder / "python", fetch)))
    for uri in _split(merged.get("--extra-files", "")):
        place(uri, folder, fetch)
    for uri in _split(merged.get("--extra-jars", "")):
        files.jars.append(str(place(uri, folder / "jars", fetch)))
    files.python_path = list(dict.fromkeys(files.python_path))
    return files


def check_modules(text: str) -> None:
    """:class:`RunFailed` unless every module of ``--additional-python-modules`` is installed in the wanted version."""
    # A comma separates modules, and a module's conditions too.
    for requirement in filter(None, map(str.strip, re.split(r",(?!\s*[=<>!~])", text))):
        problem = _unmet(requirement)
        if problem:
            raise RunFailed(
                f"Headwater.ModuleNotInstalled: --additional-python-modules asks for {requirement}, and {problem}. "
                f"Headwater installs nothing by itself: pip install '{requirement}' where it runs"
            )


def _unmet(requirement: str) -> str | None:
    match = REQUIREMENT.match(requirement)
    if match is None or "://" in requirement:
        return "only modules by name can be checked"
    name, conditions = match.group(1), [part for part in match.group(3).split(",") if part.strip()]
    try:
        found = version(name)
    except PackageNotFoundError:
        return "it is not installed"
    for condition in conditions:
        parsed = CONDITION.match(condition)
        if parsed is None:
            return f"the condition {condition.strip()!r} cannot be checked"
        if not _holds(_numbers(found), parsed.group(1), _numbers(parsed.group(2))):
            return f"installed is {found}"
    return None


def _holds(found: list[int], operator: str, wanted: list[int]) -> bool:
    width = max(len(found), len(wanted))
    left, right = (numbers + [0] * (width - len(numbers)) for numbers in (found, wanted))
    if operator == "~=":
        return left >= right and left[: len(wanted) - 1] == wanted[:-1]
    return {
        "==": left == right,
        "!=": left != right,
        ">=": left >= right,
        "<=": left <= right,
        ">": left > right,
        "<": left < right,
    }[operator]


def _numbers(text: str) -> list[int]:
    return [int(part) for part in re.findall(r"\d+", text)]


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _digest(text: str) -> str:
    import hashlib

    return hashlib.sha256(text.encode()).hexdigest()
