"""The training toolkit's contract: command line, variables, source directory."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.local.services.sagemaker.script_mode import (
    ScriptError,
    TrainingScript,
    check_requirements,
    command_arguments,
    resource_config,
    unpack,
    variables,
)

SCRIPT = TrainingScript("train.py", "s3://lake/sourcedir.tar.gz", {"max-depth": 3, "C": 0.5, "name": "x"})


def test_arguments_are_sorted_and_one_letter_names_have_one_dash() -> None:
    assert command_arguments(SCRIPT.hyperparameters) == ["-C", "0.5", "--max-depth", "3", "--name", "x"]
    assert command_arguments({"m": {"b": 2, "a": 1}, "on": True}) == ["-m", "a=1,b=2", "--on", "True"]


def test_hyperparameters_are_json_or_text() -> None:
    given_text = {
        "sagemaker_program": '"train.py"',
        "sagemaker_submit_directory": "s3://lake/source.tar.gz",
        "eta": "0.1",
        "name": "plain text",
    }
    script = TrainingScript.parse(given_text, {})
    assert script is not None
    assert (script.program, script.source) == ("train.py", "s3://lake/source.tar.gz")
    assert script.hyperparameters == {"eta": 0.1, "name": "plain text"}


def test_the_environment_may_name_the_script() -> None:
    script = TrainingScript.parse({}, {"SAGEMAKER_PROGRAM": "a.py", "SAGEMAKER_SUBMIT_DIRECTORY": "s3://b/c"})
    assert script == TrainingScript("a.py", "s3://b/c", {}, {})


def test_no_script_is_none() -> None:
    assert TrainingScript.parse({"k": "3"}, {}) is None


def test_shell_programs_keep_their_arguments_apart() -> None:
    script = TrainingScript("run.sh", "s3://b/c", {"note": "a b; rm -r x"})
    assert script.command() == ["/bin/sh", "-c", "./run.sh --note 'a b; rm -r x'"]


@given(st.dictionaries(st.from_regex(r"[a-z_]{1,9}", fullmatch=True), st.integers() | st.floats(allow_nan=False)))
def test_each_hyperparameter_reaches_the_command_and_the_environment(values: dict[str, float]) -> None:
    script = TrainingScript("train.py", "s3://b/c", dict(values))
    environment = variables(script, {}, resource_config("ml.m5.large"), "module:main")
    words = script.command()[2:]
    assert dict(zip([w.lstrip("-") for w in words[::2]], words[1::2])) == {
        name.lstrip("-"): str(value) for name, value in values.items()
    }
    assert json.loads(environment["SM_HPS"]) == values
    assert json.loads(environment["SM_USER_ARGS"]) == words


def test_variables_say_where_everything_is() -> None:
    environment = variables(SCRIPT, {"train": {}}, resource_config("ml.m5.large"), "m:main")
    assert environment["SM_CHANNEL_TRAIN"] == "/opt/ml/input/data/train"
    assert environment["SM_MODEL_DIR"] == "/opt/ml/model"
    assert environment["SM_MODULE_DIR"] == "s3://lake/sourcedir.tar.gz"
    assert environment["SM_HP_C"] == "0.5"
    assert environment["SM_HP_NAME"] == "x"
    assert json.loads(environment["SM_TRAINING_ENV"])["hyperparameters"] == SCRIPT.hyperparameters
    assert json.loads(environment["SM_HOSTS"]) == ["algo-1"]


def archive(folder: Path, files: dict[str, str]) -> Path:
    path = folder / "source.tar.gz"
    with tarfile.open(path, "w:gz") as bundle:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text)
            bundle.addfile(entry, io.BytesIO(text.encode()))
    return path


def test_a_source_directory_is_unpacked(tmp_path: Path) -> None:
    unpack(archive(tmp_path, {"train.py": "1", "common/x.py": "2"}), tmp_path / "code", SCRIPT)
    assert (tmp_path / "code" / "common" / "x.py").read_text() == "2"


@pytest.mark.parametrize(
    ("files", "text"),
    [({"other.py": ""}, "holds no train.py, only other.py"), ({"../train.py": ""}, "could not be unpacked")],
)
def test_a_source_directory_that_cannot_run_is_refused(tmp_path: Path, files: dict[str, str], text: str) -> None:
    with pytest.raises(ScriptError, match=text):
        unpack(archive(tmp_path, files), tmp_path / "code", SCRIPT)


def test_what_is_no_archive_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "source.tar.gz"
    path.write_bytes(b"no archive")
    with pytest.raises(ScriptError, match="could not be unpacked"):
        unpack(path, tmp_path / "code", SCRIPT)


def test_requirements_must_be_here() -> None:
    check_requirements("boto3>=1\n# a comment\n\nnot-here; python_version < '3'\n")
    with pytest.raises(ScriptError, match="not-there-at-all is not installed here"):
        check_requirements("not-there-at-all\n")
    with pytest.raises(ScriptError, match="expected boto3<1"):
        check_requirements("boto3<1\n")
    with pytest.raises(ScriptError, match="does not read '-r other.txt'"):
        check_requirements("-r other.txt\n")
