"""Job arguments: merged, checked, turned into a command line, properties and files."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.local.engines.spark_settings import lake_properties, parse_conf_argument
from headwater.local.service import ServiceError
from headwater.local.services.glue import job_arguments, versions
from headwater.local.services.glue.job_arguments import RunFailed

NAMES = st.text("abcXYZ_-.", min_size=1).map(lambda name: "--" + name)


@given(st.dictionaries(NAMES, st.text()), st.dictionaries(NAMES, st.text()), st.dictionaries(NAMES, st.text()))
def test_the_run_overrides_defaults_and_not_what_is_fixed(
    default: dict[str, str], given: dict[str, str], fixed: dict[str, str]
) -> None:
    merged = job_arguments.merge({"DefaultArguments": default, "NonOverridableArguments": fixed}, given)
    assert set(merged) == {*default, *given, *fixed}
    for name, value in merged.items():
        assert value == fixed.get(name, given.get(name, default.get(name)))


def test_the_command_line_names_the_job_and_the_run() -> None:
    line = job_arguments.command_line({"--a": "1", "--JOB_NAME": "other"}, "job", "jr_1")
    assert line[:4] == ["--JOB_NAME", "job", "--JOB_RUN_ID", "jr_1"]
    assert line[6:] == ["--a", "1"]


@pytest.mark.parametrize(("name", "value"), [("no-dashes", "1"), ("--datalake-formats", "iceberg")])
def test_arguments_that_cannot_be_honoured(name: str, value: str) -> None:
    with pytest.raises(ServiceError) as refused:
        job_arguments.check({name: value})
    assert refused.value.code == "InvalidInputException"


def test_conf() -> None:
    assert parse_conf_argument("a.b=1 --conf c=x=y") == {"a.b": "1", "c": "x=y"}
    assert job_arguments.spark_properties({"--conf": "spark.driver.memory=9g --conf a=1"}) == {"a": "1"}
    with pytest.raises(RunFailed, match="key=value"):
        job_arguments.spark_properties({"--conf": "nothing"})


@pytest.mark.parametrize("text", ["", "boto3", "boto3>=1,<99", "botocore[crt]!=0.1", "pytest~=1.0,>1"])
def test_modules_that_are_there(text: str) -> None:
    if "~=" in text:
        with pytest.raises(RunFailed, match="installed is"):
            job_arguments.check_modules(text)
    else:
        job_arguments.check_modules(text)


@pytest.mark.parametrize("text", ["no-such-module", "boto3==0.0.1", "s3://lake/a.whl", "boto3 @ git+x"])
def test_modules_that_are_not_there(text: str) -> None:
    with pytest.raises(RunFailed, match="Headwater.ModuleNotInstalled: .*pip install"):
        job_arguments.check_modules(text)


def test_files_are_fetched_into_the_folder(tmp_path: Path) -> None:
    objects = {"s3://b/c/job.py": b"1", "s3://b/a.py": b"2", "s3://b/z.zip": b"3", "s3://b/conf.json": b"4"}
    merged = {"--extra-py-files": "s3://b/a.py, s3://b/z.zip", "--extra-files": "s3://b/conf.json"}
    files = job_arguments.fetch_files(merged, "s3://b/c/job.py", tmp_path, objects.__getitem__)
    assert files.script.read_bytes() == b"1"
    assert files.python_path == [str(tmp_path / "python"), str(tmp_path / "python" / "z.zip")]
    assert (tmp_path / "conf.json").read_bytes() == b"4"
    with pytest.raises(RunFailed, match="come from s3://"):
        job_arguments.fetch_files({"--extra-jars": "/local.jar"}, "s3://b/c/job.py", tmp_path, objects.__getitem__)


def test_versions() -> None:
    versions.check_known(None)
    with pytest.raises(ServiceError, match=r"GlueVersion \[1\.5\] is not valid"):
        versions.check_known("1.5")
    here = versions.installed_release()
    assert here is None or versions.RELEASES[here].spark == versions.installed_spark()
    with pytest.raises(ServiceError, match="Headwater.GlueVersionNotInstalled: job j asks for Glue 2.0"):
        versions.check_installed("j", "2.0")


def test_each_bucket_is_mounted(tmp_path: Path) -> None:
    properties = lake_properties(tmp_path, ["a", "b.c"])
    assert properties["spark.hadoop.fs.viewfs.mounttable.b.c.linkFallback"] == f"lake://{tmp_path}/b.c"
    assert {f"spark.hadoop.fs.{scheme}.impl" for scheme in ("s3", "s3a", "s3n")} <= set(properties)


def test_a_mount_is_a_uri_whatever_the_folder_is_called() -> None:
    properties = lake_properties(Path("/my work/50% #1"), ["a"])
    link = urlsplit(properties["spark.hadoop.fs.viewfs.mounttable.a.linkFallback"])
    assert (link.scheme, unquote(link.path)) == ("lake", "/my work/50% #1/a")
    assert not (link.fragment or link.query or " " in link.path)
