"""What the framework images' toolkit does around a training script: files, variables and the command line.

Written from the contract of AWS's sagemaker-training (README and documentation of 5.1, 2026-11) and not that package:
it brings gevent, paramiko, scipy and more into the job, and waits for host names to resolve. Not faithful to AWS:
a requirements.txt is not installed (what it asks for must be there, else the job fails by name), a setup.py is not
run, and there is one host.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import shlex
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HOST = "algo-1"
NETWORK = "eth0"
CODE = "/opt/ml/code"
FOLDERS = {
    "SM_INPUT_CONFIG_DIR": "/opt/ml/input/config",
    "SM_INPUT_DIR": "/opt/ml/input",
    "SM_MODEL_DIR": "/opt/ml/model",
    "SM_MODULE_DIR": "",
    "SM_OUTPUT_DATA_DIR": "/opt/ml/output/data",
    "SM_OUTPUT_DIR": "/opt/ml/output",
    "SM_OUTPUT_INTERMEDIATE_DIR": "/opt/ml/output/intermediate",
}
LOG_LEVEL = 20


class ScriptError(Exception):
    """The source directory cannot be run; the text is for FailureReason."""


@dataclass(frozen=True)
class TrainingScript:
    """A script and its settings.

    Attributes
    ----------
    program:
        The file in the source directory.
    source:
        The S3 URI of sourcedir.tar.gz.
    hyperparameters:
        The person's, decoded from JSON where they are JSON.
    framework_parameters:
        Those that begin with ``sagemaker_``.
    """

    program: str
    source: str
    hyperparameters: dict[str, Any]
    framework_parameters: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def parse(cls, hyperparameters: Mapping[str, str], environment: Mapping[str, str]) -> TrainingScript | None:
        """The script that a job's hyperparameters name; None when they name none."""
        values = {name: _decoded(text) for name, text in hyperparameters.items()}
        framework = {name: value for name, value in values.items() if name.startswith("sagemaker_")}
        program = framework.get("sagemaker_program") or environment.get("SAGEMAKER_PROGRAM")
        source = framework.get("sagemaker_submit_directory") or environment.get("SAGEMAKER_SUBMIT_DIRECTORY")
        if not program or not source:
            return None
        user = {name: value for name, value in values.items() if name not in framework}
        return cls(str(program), str(source), user, framework)

    @property
    def module(self) -> str:
        """The program as ``SM_MODULE_NAME`` has it."""
        return self.program.removesuffix(".py")

    def command(self) -> list[str]:
        """The command line, to be run in the source directory."""
        arguments = command_arguments(self.hyperparameters)
        if self.program.endswith(".py"):
            return ["python3", self.program, *arguments]
        return ["/bin/sh", "-c", shlex.join([f"./{self.program}", *arguments])]


def _decoded(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def command_arguments(hyperparameters: Mapping[str, Any]) -> list[str]:
    """``--name value`` of each by name, ``-n value`` for names of one letter."""
    words = []
    for name, value in sorted(hyperparameters.items()):
        words += [f"{'-' if len(name) == 1 else '--'}{name}", _argument(value)]
    return words


def _argument(value: Any) -> str:
    if isinstance(value, Mapping):
        return ",".join(f"{key}={item}" for key, item in sorted(value.items()))
    return str(value)


def _variable(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def resource_config(instance_type: str) -> dict[str, Any]:
    """resourceconfig.json of a job on one host."""
    group = {"instance_group_name": "homogeneousCluster", "instance_type": instance_type, "hosts": [HOST]}
    return {
        "current_group_name": "homogeneousCluster",
        "current_host": HOST,
        "current_instance_type": instance_type,
        "hosts": [HOST],
        "instance_groups": [group],
        "network_interface_name": NETWORK,
    }


def variables(
    script: TrainingScript, channels: Mapping[str, dict[str, Any]], resources: dict[str, Any], framework_module: str
) -> dict[str, str]:
    """The ``SM_*`` variables of the toolkit.

    Parameters
    ----------
    channels:
        inputdataconfig.json: the settings of each channel by its name.
    resources:
        resourceconfig.json.
    """
    arguments = command_arguments(script.hyperparameters)
    level = int(script.framework_parameters.get("sagemaker_container_log_level", LOG_LEVEL))
    values: dict[str, Any] = {
        **FOLDERS,
        "SM_MODULE_DIR": script.source,
        "SM_CHANNELS": sorted(channels),
        "SM_CURRENT_HOST": HOST,
        "SM_CURRENT_INSTANCE_GROUP": resources["current_group_name"],
        "SM_CURRENT_INSTANCE_TYPE": resources["current_instance_type"],
        "SM_FRAMEWORK_MODULE": framework_module,
        "SM_FRAMEWORK_PARAMS": script.framework_parameters,
        "SM_HOSTS": [HOST],
        "SM_HPS": script.hyperparameters,
        "SM_INPUT_DATA_CONFIG": dict(channels),
        "SM_LOG_LEVEL": level,
        "SM_MODULE_NAME": script.module,
        "SM_NETWORK_INTERFACE_NAME": NETWORK,
        "SM_NUM_CPUS": os.cpu_count() or 1,
        "SM_NUM_GPUS": 0,
        "SM_NUM_NEURONS": 0,
        "SM_RESOURCE_CONFIG": resources,
        "SM_USER_ARGS": arguments,
        "SM_USER_ENTRY_POINT": script.program,
        **{f"SM_CHANNEL_{name.upper()}": f"/opt/ml/input/data/{name}" for name in channels},
        **{f"SM_HP_{name.upper()}": value for name, value in script.hyperparameters.items()},
    }
    named = {name.removeprefix("SM_").lower(): value for name, value in values.items() if not name.startswith("SM_HP_")}
    values["SM_TRAINING_ENV"] = {**named, "hyperparameters": script.hyperparameters}
    return {name: _variable(value) for name, value in values.items()}


def unpack(archive: Path, code: Path, script: TrainingScript) -> None:
    """Unpack sourcedir.tar.gz and check that its script can run.

    Raises
    ------
    ScriptError
        It is no archive, would write outside its folder, lacks the program, or requires what is not installed.
    """
    try:
        with tarfile.open(archive) as bundle:
            _extract(bundle, code)
    except (tarfile.TarError, OSError, EOFError) as error:
        raise ScriptError(f"{script.source} could not be unpacked: {error}") from error
    program = code / script.program
    if not program.is_file():
        found = ", ".join(sorted(path.name for path in code.iterdir()))
        raise ScriptError(f"{script.source} holds no {script.program}, only {found or 'nothing'}")
    if program.suffix != ".py":
        program.chmod(program.stat().st_mode | 0o111)
    requirements = code / "requirements.txt"
    if requirements.is_file():
        check_requirements(requirements.read_text(encoding="utf-8"))


def _extract(bundle: tarfile.TarFile, folder: Path) -> None:
    """Unpack without leaving ``folder``; Python before 3.11.4 has no filters, and takes no links then."""
    if hasattr(tarfile, "data_filter"):
        bundle.extractall(folder, filter="data")  # nosec B202: the data filter refuses paths outside
        return
    for member in bundle.getmembers():
        target = Path(os.path.normpath(folder / member.name))
        if not (member.isfile() or member.isdir()) or not target.is_relative_to(folder):
            raise tarfile.ExtractError(f"{member.name!r} is a link, a device or outside the folder")
    bundle.extractall(folder)  # nosec B202: checked above


def check_requirements(text: str) -> None:
    """Raise ScriptError for the first requirement that is not installed here."""
    from packaging.requirements import InvalidRequirement, Requirement

    for line in text.splitlines():
        wanted = line.split("#", 1)[0].strip()
        if not wanted:
            continue
        try:
            requirement = Requirement(wanted)
            if requirement.marker and not requirement.marker.evaluate():
                continue
            version = importlib.metadata.version(requirement.name)
        except InvalidRequirement as error:
            raise ScriptError(f"requirements.txt: Headwater does not read {wanted!r}: {error}") from error
        except importlib.metadata.PackageNotFoundError as error:
            raise ScriptError(f"requirements.txt: {wanted} is not installed here: pip install {wanted!r}") from error
        if not requirement.specifier.contains(version, prereleases=True):
            raise ScriptError(f"requirements.txt: expected {wanted}, {requirement.name} {version} is installed here")
