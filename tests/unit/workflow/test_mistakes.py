"""Each mistake of a declaration: found, with its line, and with words that say how to mend it."""

from __future__ import annotations

from pathlib import Path

import pytest

from headwater import DeclarationError, load_workflow
from tests.unit.workflow.conftest import HEAD, Declare

OK = 'wf.spark("clean", "s.py", reads=raw, writes=out)\n'

FIT = 'wf.training("t", "s.py", reads=raw, writes=lake.model("m"), spot=False, metric_definitions=M)  # !\n'

# The lines after HEAD (the marked ones hold the mistake), and what the message must say.
MISTAKES = {
    "unknown script": ('wf.spark("a", "jobs/x.py")  # !\n', "there is no script 'jobs/x.py'"),
    "script outside": ('wf.spark("a", "../x.py")  # !\n', "leaves the project's folder"),
    "absolute script": ('wf.spark("a", "/etc/passwd.py")  # !\n', "leaves the project's folder"),
    "not Python": ('wf.spark("a", "workflow.txt")  # !\n', "there is no script"),
    "unknown handler": ('wf.function("a", "f.py", handler="main")  # !\n', "defines no 'main'"),
    "written twice": (OK + 'wf.spark("b", "s.py", writes=out)  # !\n', "written by 'b' and, at line 7, by 'clean'"),
    "never written": ('wf.spark("a", "s.py", reads=out)  # !\n', "reads 'out', which is never written"),
    "raw written": ('wf.spark("a", "s.py", writes=raw)  # !\n', "raw data comes from outside"),
    "stage twice": (OK + 'wf.function("clean", "f.py")  # !\n', "is declared already, at line 7"),
    "stage twice in AWS": (OK + 'wf.function("CLEAN", "f.py")  # !\n', "would share names with 'clean'"),
    "dataset twice": ('lake.raw("raw")  # !\n' + OK, "is declared already, at line 3"),
    "stage name": ('wf.spark("a: b", "s.py")  # !\n', "a state name has at most 80 characters"),
    "long stage name": ('wf.spark("a" * 61, "s.py")  # !\n', "a state name has at most 80 characters"),
    "reserved stage name": ('wf.spark("headwater", "s.py")  # !\n', "choose another"),
    "dataset name": ('lake.raw("Raw-1")  # !\n' + OK, "a Glue table name is lower-case"),
    "column name": ('lake.raw("x", partitions="Day")  # !\n' + OK, "a Glue column name is lower-case"),
    "column twice": ('lake.raw("x", partitions="d", schema={"d": "int"})  # !\n' + OK, "'d' is there twice"),
    "format": ('lake.raw("x", format="xls")  # !\n' + OK, "expected one of avro, csv, json"),
    "no dataset": ('wf.spark("a", "s.py", reads="raw")  # !\n', "takes datasets of the lake, got 'raw'"),
    "another lake": ('wf.spark("a", "s.py", reads=Lake("b").raw("x"))  # !\n', "is of another lake, 'b'"),
    "metric field": (FIT.replace("=M", "='a-b'"), "metric 'a-b': a metric name is letters"),
    "metric without a group": (FIT.replace("=M", "={'a': 'x=.*'}"), "needs a group around the number"),
    "metric's expression": (FIT.replace("=M", "={'a': '('}"), "is no regular expression"),
    "metric's substitution": (FIT.replace("=M", "={'a': '(${b})'}"), "the state machine would replace"),
    "metric's long expression": (FIT.replace("=M", "={'a': '(' + 500 * 'x' + ')'}"), "of 1 to 500 characters"),
    "metric's long name": (FIT.replace("=M", "={256 * 'a': '(x)'}"), "a name of 1 to 255 characters"),
    "metric twice": (FIT.replace("=M", "=['a', 'a']"), "metric 'a' is defined twice"),
    "41 metrics": (FIT.replace("=M", "=[f'a{n}' for n in range(41)]"), "SageMaker takes 40"),
    "unknown after": (OK + 'wf.function("b", "f.py", after="claen")  # !\n', "did you mean 'clean'?"),
    "after itself": ('wf.function("b", "f.py", after="b")  # !\n', "go round in a circle: 'b' follows 'b' (after=)"),
    "after at the end": (
        'wf.function("b", "f.py", when="always", after="c")  # !\n' 'wf.spark("c", "s.py")\n',
        "leave out",
    ),
    "when": ('wf.function("b", "f.py", when="never")  # !\n', "expected one of success, always, failure"),
    "memory": ('wf.function("b", "f.py", memory_mb=64)  # !\n', "Lambda: MemorySize is 128 to 10,240 MB"),
    "time": ('wf.function("b", "f.py", timeout_s=901)  # !\n', "Lambda: Timeout is 1 to 900 s"),
    "workers": ('wf.spark("b", "s.py", workers=1)  # !\n', "NumberOfWorkers of a Spark job is 2 to 299"),
    "worker type": ('wf.spark("b", "s.py", worker_type="G.9X")  # !\n', "expected one of G.1X, G.2X"),
    "bookmark": ('wf.spark("b", "s.py", bookmark="yes")  # !\n', "expected True or False"),
    "engine": ('wf.spark("b", "s.py", engine="ec2")  # !\n', "expected one of auto, emr, emr-serverless, glue"),
    "EMR spot": ('wf.spark("b", "s.py", engine="emr", emr_spot=1)  # !\n', "emr_spot=1: expected True or False"),
    "threshold": ('wf.spark("b", "s.py", emr_above_gb=-1)  # !\n', "expected a number of GB, 0 or more"),
    "EMR workers": ('wf.spark("b", "s.py", emr_workers=0)  # !\n', "a job on EMR gets 1 to 1,000 workers"),
    "bookmark on EMR": (
        'wf.spark("b", "s.py", reads=raw, engine="auto", bookmark=True)  # !\n',
        "engine='auto' with bookmark=True: only Glue has job bookmarks",
    ),
    "nothing to measure": ('wf.spark("b", "s.py", engine="auto")  # !\n', "it reads no dataset: name one"),
    "retries": ('wf.spark("b", "s.py", retries=-1)  # !\n', "expected a whole number from 0 to 10"),
    "fraction": ('wf.spark("b", "s.py", timeout_s=90.5)  # !\n', "expected a whole number"),
    "instance type": ('wf.processing("b", "s.py", instance_type="m5.large")  # !\n', "such as ml.m5.large"),
    "framework": ('wf.processing("b", "s.py", framework="torch")  # !\n', "expected one of sklearn, xgboost"),
    "metric name": ('wf.processing("b", "s.py", metrics=["a-b"])  # !\n', "a metric name is letters"),
    "metrics folder": (
        'wf.processing("b", "s.py", writes=lake.processed("metrics"))  # !\n',
        "which is the folder of its metrics file",
    ),
    "spot wait": (
        'wf.training("b", "s.py", reads=raw, writes=model, max_wait_s=60)  # !\n',
        "MaxWaitTimeInSeconds >= MaxRuntimeInSeconds",
    ),
    "hyperparameter": (
        'wf.training("b", "s.py", reads=raw, writes=model, hyperparameters={"sagemaker_program": 1})  # !\n',
        "not beginning with sagemaker_",
    ),
    "training writes": ('wf.training("b", "s.py", reads=raw, writes=out)  # !\n', "exactly one lake.model"),
    "model from spark": ('wf.spark("b", "s.py", writes=model)  # !\n', "only a training writes a model"),
    "register data": (OK + 'wf.register("r", out)  # !\n', "is no model"),
    "crawler without data": ('wf.crawler("c", reads=[])  # !\n', "needs datasets to crawl"),
    "unknown metric": (
        'p = wf.processing("p", "s.py", metrics=["auc"])\nwf.gate("g", p.metric("acu") > 1)  # !\n',
        "asks for metric 'acu', but 'p' emits 'auc'; did you mean 'auc'?",
    ),
    "no metrics": (
        'p = wf.spark("p", "s.py")\nwf.gate("g", p.metric("auc") > 1)  # !\n',
        "'p' emits no metrics; add metrics=['auc']",
    ),
    "no condition": ('wf.gate("g", True)  # !\n' + OK, 'expected stage.metric("…") >= number'),
    "no threshold": (
        'p = wf.processing("p", "s.py", metrics=["auc"])\nwf.gate("g", p.metric("auc") > "high")  # !\n',
        "the threshold must be a number, got 'high'",
    ),
    "written only at the end": (
        'wf.function("f", "f.py", writes=out, when="always")\nwf.spark("s", "s.py", reads=out)  # !\n',
        "runs when all else has ended",
    ),
    "cycle by data": (
        'b = lake.processed("b")\nwf.spark("x", "s.py", reads=b, writes=out)  # !\n'
        'wf.spark("y", "s.py", reads=out, writes=b)\n',
        "'y' follows 'x' (reads out)",
    ),
    "no stages": ("", "has no stages"),
}
WORKFLOWS = {
    "workflow name": ('Workflow("my_flow", lake)', "a CloudFormation stack name matches [a-zA-Z][-a-zA-Z0-9]*"),
    "tag key": ('Workflow("w", lake, tags={"aws:x": "y"})', "does not begin with aws:"),
    "tag value": ('Workflow("w", lake, tags={"x": "a;b"})', "a tag value is at most 256"),
    "schedule": ('Workflow("w", lake, schedule="cron(0 6 1 * *)")', "cron has 6 fields"),
    "parameter name": ('Workflow("w", lake, parameters={"a-b": 1})', "environment variable matches"),
    "parameter of Headwater's": ('Workflow("w", lake, parameters={"HEADWATER_STAGE": 1})', "Headwater passes its own"),
    "parameter taken": ('Workflow("w", lake, parameters={"S3_BUCKET": "b"})', "Headwater passes its own"),
    "parameter of a path": ('Workflow("w", lake, parameters={"RAW_PATH": "b"})', "it is where dataset 'raw' lies"),
    "parameter value": ('Workflow("w", lake, parameters={"A": [1]})', "expected a string, number or boolean"),
}


@pytest.mark.parametrize("name", [name for name in MISTAKES if name != "no stages"])
def test_a_mistake_is_found_at_its_line(name: str, declare: Declare) -> None:
    text, expected = MISTAKES[name]
    mistakes = declare(text)
    assert any(expected in mistake.message for mistake in mistakes), mistakes


@pytest.mark.parametrize("name", WORKFLOWS)
def test_a_mistake_of_the_workflow_is_found(name: str, tmp_path: Path) -> None:
    call, expected = WORKFLOWS[name]
    (tmp_path / "s.py").write_text("")
    source = HEAD.replace('Workflow("wf", lake)', call) + OK
    (tmp_path / "workflow.py").write_text(source)
    with pytest.raises(DeclarationError) as raised:
        load_workflow(tmp_path)
    (mistake,) = raised.value.mistakes
    assert expected in mistake.message and mistake.line == 6


@pytest.mark.parametrize("lake", ["My_Lake", "-a", "xn--lake", "a" * 36, "a"])
def test_a_lake_name_that_s3_would_refuse(lake: str, tmp_path: Path) -> None:
    (tmp_path / "s.py").write_text("")
    (tmp_path / "workflow.py").write_text(HEAD.replace('Lake("lake")', f'Lake("{lake}")') + OK)
    with pytest.raises(DeclarationError, match="an S3 bucket name is lower-case") as raised:
        load_workflow(tmp_path)
    assert raised.value.mistakes[0].line == 2


def test_a_workflow_without_stages(tmp_path: Path) -> None:
    (tmp_path / "workflow.py").write_text(HEAD)
    with pytest.raises(DeclarationError, match="has no stages"):
        load_workflow(tmp_path)


def test_all_mistakes_come_at_once_in_the_order_of_their_lines(declare: Declare) -> None:
    mistakes = declare(
        'wf.spark("a", "nowhere.py", workers=1)  # !\n'
        'wf.spark("b", "s.py", reads=out)  # !\n'
        'wf.function("c", "f.py", after="z")  # !\n'
    )
    assert len(mistakes) == 4
    assert [mistake.line for mistake in mistakes] == sorted(mistake.line for mistake in mistakes)


def test_a_sound_declaration_has_none(declare: Declare) -> None:
    assert declare(OK) == []


def test_a_script_behind_a_link_out_of_the_project_is_refused(declare: Declare, tmp_path: Path) -> None:
    outside = tmp_path.parent / f"{tmp_path.name}-outside.py"
    outside.write_text("")
    (tmp_path / "link.py").symlink_to(outside)
    assert "leaves the project's folder" in declare('wf.spark("a", "link.py")  # !\n')[0].message


def test_a_script_that_hides_a_module_of_python_is_refused(declare: Declare, tmp_path: Path) -> None:
    (tmp_path / "copy.py").write_text("")
    assert "would hide Python's own module 'copy'" in declare('wf.spark("a", "copy.py")  # !\n')[0].message


def test_a_script_that_does_not_parse_is_named_with_its_line(declare: Declare, tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("x = 1\nif:\n")
    assert "script broken.py:2 does not parse" in declare('wf.spark("a", "broken.py")  # !\n')[0].message


def test_requirements_must_be_pinned(declare: Declare, tmp_path: Path) -> None:
    folder = tmp_path / "fn"
    (folder / "Some_Package-1.0.dist-info").mkdir(parents=True)
    (folder / "handler.py").write_text("def handler(event, context): ...\n")
    (folder / "requirements.txt").write_text("# comment\nsome-package==1.0\n")
    assert declare('wf.function("a", "fn")\n') == []
    (folder / "requirements.txt").write_text("some-package\n\nother>=2  # why\n-r more.txt\nfine[extra]==1.0\n")
    found = [mistake.message for mistake in declare('wf.function("a", "fn")  # !\n')]
    assert [text[text.index("fn/") :].split(": ")[0] for text in found] == [
        "fn/requirements.txt:1",
        "fn/requirements.txt:3",
        "fn/requirements.txt:4",
    ]
    assert "'other>=2' is not pinned: write other==version" in found[1]
    found = [m.message for m in declare('wf.function("a", "fn", requirements="../x.txt", architecture="mips")  # !\n')]
    assert any("leave the project's folder" in text for text in found)
    assert any("architecture='mips'" in text for text in found)


def test_an_unknown_keyword_is_pythons_type_error(declare: Declare) -> None:
    from headwater import WorkflowLoadError

    with pytest.raises(WorkflowLoadError, match=r"workflow.py:7: TypeError: .*unexpected keyword argument 'tune'"):
        declare('wf.training("a", "s.py", reads=raw, writes=model, tune={})\n')
