"""Every scenario recorded on AWS, replayed against a live endpoint: status, result, cause, types, full history."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from headwater.local.endpoint import LocalEndpoint

JUDGED = ("status", "result", "cause", "types", "history")
KINDS = "execution,sync_execution,test_state,validate*,api_error*"
LAMBDA_MEMORY = "botocore's model now allows a Lambda function more memory than when this was recorded"
EXPRESS = "recorded from the logs: AWS has no DescribeExecution for express executions, and refuses it as this does"
EXCEPTIONS = {
    "express_async-49173a31a3": EXPRESS,
    "express_async-6170a0d94c": EXPRESS,
    "field_validation_mode-45fb05453e": LAMBDA_MEMORY,
    "field_validation_mode_present-233207f65e": LAMBDA_MEMORY,
}


def judged(result: dict[str, Any]) -> list[str]:
    """What disagrees with AWS in a replayed scenario."""
    return [key for key in JUDGED if result.get(key) is False]


@pytest.fixture(scope="module")
def recordings() -> Path:
    folder = Path(__file__).resolve().parents[3] / "shared" / "oracle" / "asl"
    if not folder.is_dir():
        pytest.skip(f"the recorded AWS answers are not here ({folder})")
    return folder


def test_recorded_scenarios_agree(recordings: Path, endpoint: LocalEndpoint, tmp_path: Path) -> None:
    out = tmp_path / "results.jsonl"
    command = [
        *(sys.executable, str(recordings / "replay.py"), "--oracle", str(recordings / "recorded.jsonl")),
        *("--endpoint-url", endpoint.url, "--kinds", KINDS, "--needs", "none,lambda,service"),
        *("--account", endpoint.account, "--out", str(out), "--workers", "4"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=250, check=False)
    assert done.returncode == 0, done.stderr
    results = [json.loads(line) for line in out.read_text().splitlines()]
    assert len(results) == 545
    disagreeing = {r["id"]: f"{judged(r)}: {r.get('why') or r.get('hist_why')}" for r in results if judged(r)}
    unexpected = {name: why for name, why in disagreeing.items() if name not in EXCEPTIONS}
    assert not unexpected, json.dumps(unexpected, indent=1)
    healed = EXCEPTIONS.keys() - disagreeing.keys()
    assert not healed, f"these agree now and are no exceptions any more: {sorted(healed)}"
