"""The flights example's SageMaker scripts, as jobs of the endpoint, on made-up features."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from headwater.local.endpoint import LocalEndpoint
from tests.integration.local.services.sagemaker_kit import BUCKET, XGBOOST, Kit

FLIGHTS = Path(__file__).resolve().parents[3] / "examples" / "flights"
ROWS_A_DAY = 60
FEATURES = f"s3://{BUCKET}/feature_store/delay_features/"


@pytest.fixture
def kit(endpoint: LocalEndpoint, aws: Callable[..., Any]) -> Kit:
    return Kit(endpoint, aws)


def features(first: date, days: int) -> pd.DataFrame:
    """Flights that are late when it rains, and sometimes otherwise."""
    random = np.random.default_rng(first.toordinal())
    rows = days * ROWS_A_DAY
    rain = random.uniform(0, 1, rows)
    frame = pd.DataFrame({"date": np.repeat([first + timedelta(days=n) for n in range(days)], ROWS_A_DAY)})
    frame["late"] = (random.uniform(0, 1, rows) < 0.1 + 0.7 * (rain > 0.7)).astype("int32")
    numbers = (
        "arr_minute block_min day_of_week dep_minute dest_lat dest_lon dewp distance engines humid plane_age precip "
        "pressure seats temp visib wind_dir wind_gust wind_speed"
    )
    for name in numbers.split():
        frame[name] = random.uniform(0, 100, rows)
    frame["precip_6h"] = rain
    for name, values in {"carrier": ["AA", "UA"], "dest": ["MIA", "ORD", "SFO"], "origin": ["EWR", "JFK"]}.items():
        frame[name] = random.choice(values, rows)
    return frame


def put_features(kit: Kit, folder: Path) -> None:
    for month, days in ((1, 31), (2, 28)):
        path = folder / f"{month}.parquet"
        features(date(2013, month, 1), days).to_parquet(path, index=False)
        kit.put(f"feature_store/delay_features/year=2013/month={month}/part-0.parquet", path.read_bytes())


def script(name: str) -> str:
    return (FLIGHTS / "ml" / f"{name}.py").read_text()


def common(kit: Kit, job: str) -> dict[str, str]:
    for path in sorted((FLIGHTS / "common").glob("*.py")):
        kit.put(f"code/{job}/common/{path.name}", path.read_text())
    return {"code": f"s3://{BUCKET}/code/{job}/"}


def process(kit: Kit, job: str, name: str, **members: Any) -> None:
    members["inputs"] = {**members["inputs"], **common(kit, job)}
    request = kit.processing(job, script(name), **members)
    request["AppSpecification"]["ImageUri"] = XGBOOST
    described = kit.process(request)
    assert described["ProcessingJobStatus"] == "Completed", kit.log("/aws/sagemaker/ProcessingJobs", job)


def split(kit: Kit, job: str, run_date: str) -> None:
    outputs = {name: f"s3://{BUCKET}/processed/{name}/" for name in ("train", "test")}
    process(kit, job, "split", inputs={"delay_features": FEATURES}, outputs=outputs, Environment={"RUN_DATE": run_date})


def read(kit: Kit, name: str, folder: Path) -> pd.DataFrame:
    path = folder / f"{name}.parquet"
    path.write_bytes(kit.get(f"processed/{name}/{name}.parquet"))
    return pd.read_parquet(path)


def train(kit: Kit, job: str) -> dict[str, Any]:
    shared = {f"common/{path.name}": path.read_text() for path in (FLIGHTS / "common").glob("*.py")}
    request = kit.training(
        job,
        script("train"),
        channels={"train": f"s3://{BUCKET}/processed/train/"},
        hyperparameters={"num_round": "40", "max_depth": "2"},
        metrics={"validation_auc": '"validation_auc": ([0-9.]+)'},
        CheckpointConfig={"S3Uri": f"s3://{BUCKET}/_headwater/checkpoints/fit/"},
        EnableManagedSpotTraining=True,
        StoppingCondition={"MaxRuntimeInSeconds": 120, "MaxWaitTimeInSeconds": 240},
    )
    kit.source(script("train"), **shared)
    described = kit.train(request)
    assert described["TrainingJobStatus"] == "Completed", kit.log("/aws/sagemaker/TrainingJobs", job)
    return described


def test_split_train_and_evaluate(kit: Kit, tmp_path: Path) -> None:
    put_features(kit, tmp_path)
    split(kit, "split-1", "2013-01")
    january = read(kit, "test", tmp_path)
    split(kit, "split-2", "")
    earlier, later = read(kit, "train", tmp_path), read(kit, "test", tmp_path)
    assert january["date"].max() == date(2013, 1, 31)
    assert earlier["date"].max() < later["date"].min()
    assert len(earlier) + len(later) == 59 * ROWS_A_DAY

    described = train(kit, "fit-1")
    assert described["FinalMetricDataList"][0]["Value"] > 0.7
    again = train(kit, "fit-2")
    assert "going on after round" in kit.log("/aws/sagemaker/TrainingJobs", "fit-2")
    assert again["FinalMetricDataList"][0]["Value"] > 0.7

    inputs = {"delay_model": described["ModelArtifacts"]["S3ModelArtifacts"], "test": f"s3://{BUCKET}/processed/test/"}
    process(kit, "evaluate-1", "evaluate", inputs=inputs, outputs={"metrics": f"s3://{BUCKET}/_headwater/metrics/"})
    metrics = json.loads(kit.get("_headwater/metrics/metrics.json"))
    assert metrics["rows"] == len(later)
    assert 0.7 < metrics["auc"] < 1
    assert metrics["late_share"] == pytest.approx(later["late"].mean())
