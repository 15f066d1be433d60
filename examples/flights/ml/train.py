"""SageMaker training, XGBoost in script mode: will a flight arrive more than 15 minutes late?

The last days of the training set are held out for ``validation_auc``. The booster is checkpointed, so that a spot
interruption costs a few rounds; checkpoints of other data or other hyperparameters are not taken up.
"""

import argparse
import hashlib
import json
import os
from pathlib import Path

import pandas as pd
import xgboost as xgb

from common.features import FEATURES, LABEL, levels, matrix
from common.json_logs import json_logger

log = json_logger("train")

CHECKPOINTS = Path("/opt/ml/checkpoints")
CHECKPOINT_ROUNDS = 20
VALIDATION_SHARE = 0.1  # of the training flights, the last ones


def arguments() -> argparse.Namespace:
    """The hyperparameters, and SageMaker's folders."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--colsample_bytree", type=float, default=0.6)
    parser.add_argument("--eta", type=float, default=0.15)
    parser.add_argument("--max_depth", type=int, default=6)
    parser.add_argument("--min_child_weight", type=float, default=50)
    parser.add_argument("--num_round", type=int, default=60)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--subsample", type=float, default=0.8)
    parser.add_argument("--train", type=Path, default=Path(os.environ.get("SM_CHANNEL_TRAIN", "train")))
    parser.add_argument("--model_dir", type=Path, default=Path(os.environ.get("SM_MODEL_DIR", "model")))
    return parser.parse_args()


class Report(xgb.callback.TrainingCallback):
    """Logs the metrics of every tenth round, as fields in which the workflow's metric definitions find them.

    Parameters
    ----------
    done:
        The rounds of the checkpoint that the training goes on from.
    """

    def __init__(self, done: int) -> None:
        super().__init__()
        self.done = done

    def after_iteration(self, model: xgb.Booster, epoch: int, evals_log: dict) -> bool:
        rounds = self.done + epoch + 1
        if rounds % 10 == 0:
            scores = {f"{name}_auc": values["auc"][-1] for name, values in evals_log.items()}
            log.info("round %d", rounds, extra={"fields": scores})
        return False


def fingerprint(parameters: dict, frame: pd.DataFrame) -> str:
    """A name for this training: the same only for the same hyperparameters and data."""
    digest = hashlib.sha256(json.dumps([parameters, list(FEATURES)], sort_keys=True).encode())
    digest.update(pd.util.hash_pandas_object(frame, index=False).to_numpy().tobytes())
    return digest.hexdigest()[:16]


def last_checkpoint(name: str) -> Path | None:
    """The checkpoint of this training with the most rounds."""
    found = CHECKPOINTS.glob(f"{name}_*.ubj")
    return max(found, key=lambda path: int(path.stem.rpartition("_")[2]), default=None)


def fit(parameters: dict, rounds: int, frame: pd.DataFrame, known: dict[str, list[str]]) -> xgb.Booster:
    """Train, from the last checkpoint if there is one."""
    held_out = int(len(frame) * (1 - VALIDATION_SHARE))
    data, label = matrix(frame, known), frame[LABEL]
    train = xgb.QuantileDMatrix(data[:held_out], label[:held_out], enable_categorical=True)
    validation = xgb.QuantileDMatrix(data[held_out:], label[held_out:], ref=train, enable_categorical=True)
    callbacks: list[xgb.callback.TrainingCallback] = []
    checkpoint = None
    if CHECKPOINTS.is_dir():
        name = fingerprint(parameters, frame)
        checkpoint = last_checkpoint(name)
        callbacks.append(xgb.callback.TrainingCheckPoint(CHECKPOINTS, name=name, interval=CHECKPOINT_ROUNDS))
    booster = xgb.Booster(model_file=checkpoint) if checkpoint else None
    done = booster.num_boosted_rounds() if booster else 0
    if done:
        log.info("going on after round %d", done)
    if booster and done >= rounds:
        return booster[:rounds]
    callbacks.append(Report(done))
    return xgb.train(
        parameters,
        train,
        num_boost_round=rounds - done,
        evals=[(validation, "validation")],
        callbacks=callbacks,
        verbose_eval=False,
        xgb_model=booster,
    )


def main() -> None:
    """Train and save the model with the categories that it knows."""
    args = arguments()
    parameters = {
        "objective": "binary:logistic",
        "eval_metric": "auc",
        "tree_method": "hist",
        "colsample_bytree": args.colsample_bytree,
        "eta": args.eta,
        "max_depth": args.max_depth,
        "min_child_weight": args.min_child_weight,
        "seed": args.seed,
        "subsample": args.subsample,
    }
    frame = pd.read_parquet(args.train, columns=[*FEATURES, LABEL])
    known = levels(frame)
    log.info("training on %d flights", len(frame), extra={"fields": {"hyperparameters": parameters}})
    booster = fit(parameters, args.num_round, frame, known)
    args.model_dir.mkdir(parents=True, exist_ok=True)
    booster.save_model(args.model_dir / "model.json")
    (args.model_dir / "categories.json").write_text(json.dumps(known))


if __name__ == "__main__":
    main()
