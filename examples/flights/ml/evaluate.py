"""SageMaker processing: how well does the model tell late flights apart, on flights later than it was trained on?"""

import json
import tarfile
from pathlib import Path

import numpy as np
import pandas as pd
import xgboost as xgb

from common.features import FEATURES, LABEL, matrix
from common.json_logs import json_logger

log = json_logger("evaluate")

INPUT = Path("/opt/ml/processing/input")
METRICS = Path("/opt/ml/processing/output/metrics/metrics.json")


def load(folder: Path) -> tuple[xgb.Booster, dict[str, list[str]]]:
    """The model and its categories, from the model.tar.gz below ``folder``."""
    archives = sorted(folder.rglob("model.tar.gz"))
    if len(archives) != 1:
        raise FileNotFoundError(f"{folder}: expected one model.tar.gz, found {len(archives)}")
    with tarfile.open(archives[0]) as archive:
        model, categories = (archive.extractfile(name).read() for name in ("model.json", "categories.json"))
    booster = xgb.Booster()
    booster.load_model(bytearray(model))
    return booster, json.loads(categories)


def auc(label: np.ndarray, score: np.ndarray) -> float:
    """The chance that a late flight scores higher than another, ties counting half (Mann-Whitney)."""
    late = int(label.sum())
    if not 0 < late < len(label):
        raise ValueError(f"AUC needs both late and punctual flights; {late} of {len(label)} are late")
    ranks = pd.Series(score).rank().to_numpy()
    return float((ranks[label == 1].sum() - late * (late + 1) / 2) / (late * (len(label) - late)))


def main() -> None:
    """Score the test set and write its metrics."""
    booster, known = load(INPUT / "delay_model")
    frame = pd.read_parquet(INPUT / "test", columns=[*FEATURES, LABEL])
    label = frame[LABEL].to_numpy()
    score = booster.predict(xgb.DMatrix(matrix(frame, known), enable_categorical=True))
    metrics = {
        "auc": auc(label, score),
        "brier": float(np.mean((score - label) ** 2)),
        "late_share": float(label.mean()),
        "rows": len(frame),
    }
    METRICS.parent.mkdir(parents=True, exist_ok=True)
    METRICS.write_text(json.dumps(metrics))
    log.info("AUC %.4f on %d flights", metrics["auc"], len(frame), extra={"fields": metrics})


if __name__ == "__main__":
    main()
