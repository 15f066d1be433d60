"""Which jobs may run flexibly."""

from __future__ import annotations

import pytest

from headwater.local.service import ServiceError
from headwater.local.services.glue.jobs import complete

JOB = {"Role": "r", "Command": {"Name": "glueetl", "ScriptLocation": "s3://b/s.py"}, "NumberOfWorkers": 2}
SHELL = {"Role": "r", "Command": {"Name": "pythonshell", "ScriptLocation": "s3://b/s.py"}, "MaxCapacity": 1.0}


@pytest.mark.parametrize("worker", ["G.1X", "G.2X"])
def test_flex_is_taken_as_glue_takes_it(worker: str) -> None:
    assert complete({**JOB, "WorkerType": worker, "ExecutionClass": "FLEX"})["ExecutionClass"] == "FLEX"


@pytest.mark.parametrize(
    ("job", "part"),
    [
        ({**JOB, "WorkerType": "G.4X", "ExecutionClass": "FLEX"}, "takes WorkerType G.1X or G.2X, got G.4X"),
        ({**JOB, "WorkerType": "G.1X", "GlueVersion": "2.0", "ExecutionClass": "FLEX"}, "Glue version 3.0 and above"),
        ({**SHELL, "ExecutionClass": "FLEX"}, "command type glueetl"),
        ({**JOB, "ExecutionClass": "CHEAP"}, "ExecutionClass CHEAP is not one of FLEX, STANDARD"),
    ],
)
def test_flex_that_glue_refuses(job: dict[str, object], part: str) -> None:
    with pytest.raises(ServiceError) as refused:
        complete(job)
    assert refused.value.code == "InvalidInputException" and part in refused.value.message
