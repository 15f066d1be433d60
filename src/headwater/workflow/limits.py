"""How far each knob of a stage may be turned: AWS's quotas and value sets, November 2026.

Sources: Lambda quotas; Glue `CreateJob`, "Defining job properties"; SageMaker `StoppingCondition`,
`ProcessingStoppingCondition`, `ResourceConfig`, `ProcessingClusterConfig`; API references, read 2026-11.
"""

from __future__ import annotations

import re

from headwater.workflow.stages import FLEX_WORKERS, SPARK_ENGINES, SparkStage, Stage

# kind → knob → (least, most, AWS's rule)
RANGES: dict[str, dict[str, tuple[int, int, str]]] = {
    "crawler": {"timeout_s": (60, 86_400, "a crawl is waited for from 60 s to a day")},
    "function": {
        "memory_mb": (128, 10_240, "Lambda: MemorySize is 128 to 10,240 MB"),
        "timeout_s": (1, 900, "Lambda: Timeout is 1 to 900 s; use a processing or spark stage for longer work"),
    },
    "processing": {
        "instance_count": (1, 100, "SageMaker: InstanceCount of a processing job is 1 to 100"),
        "timeout_s": (1, 604_800, "SageMaker: MaxRuntimeInSeconds of a processing job is 1 to 604,800 (7 days)"),
        "volume_gb": (1, 16_384, "SageMaker: VolumeSizeInGB is 1 to 16,384"),
    },
    "spark": {
        "emr_workers": (1, 1000, "a job on EMR gets 1 to 1,000 workers"),
        "timeout_s": (60, 604_800, "Glue: Timeout is 1 to 10,080 minutes"),
        "workers": (2, 299, "Glue: NumberOfWorkers of a Spark job is 2 to 299"),
    },
    "training": {
        "instance_count": (1, 100, "SageMaker: InstanceCount of a training job is 1 to 100"),
        "max_wait_s": (1, 2_419_200, "SageMaker: MaxWaitTimeInSeconds is 1 to 2,419,200 (28 days)"),
        "timeout_s": (1, 2_419_200, "SageMaker: MaxRuntimeInSeconds of a training job is 1 to 2,419,200 (28 days)"),
        "volume_gb": (1, 16_384, "SageMaker: VolumeSizeInGB is 1 to 16,384"),
    },
}

CHOICES: dict[str, tuple[str, ...]] = {
    "architecture": ("x86_64", "arm64"),
    "engine": SPARK_ENGINES,
    "framework": ("sklearn", "xgboost"),
    "when": ("success", "always", "failure"),
    "worker_type": (
        *("G.1X", "G.2X", "G.4X", "G.8X", "G.12X", "G.16X"),
        *("R.1X", "R.2X", "R.4X", "R.8X"),
    ),
}

MOST_RETRIES = 10
MOST_HYPERPARAMETERS = 100
LONGEST_HYPERPARAMETER = 2500
_INSTANCE_TYPE = re.compile(r"ml\.[a-z][a-z0-9-]*\.([a-z0-9-]*(metal|large|medium|xlarge))")


def knob_mistakes(stage: Stage) -> list[str]:
    """Return what is wrong with the knobs of a stage, each with AWS's rule."""
    found = [text for name, limits in RANGES.get(stage.kind, {}).items() if (text := _range(stage, name, *limits))]
    found += [text for name in CHOICES if (text := _choice(stage, name))]
    if not _is_int(stage.retries) or not 0 <= stage.retries <= MOST_RETRIES:
        found.append(f"retries={stage.retries!r}: expected a whole number from 0 to {MOST_RETRIES}")
    found += [f"{name}={value!r}: expected True or False" for name, value in _switches(stage)]
    found += _flex(stage)
    found += _machine(stage)
    if isinstance(stage, SparkStage):
        found += _threshold(stage.emr_above_gb)
    return found


def _flex(stage: Stage) -> list[str]:
    flex, worker = getattr(stage, "flex", None), getattr(stage, "worker_type", "")
    if flex is not None and not isinstance(flex, bool):
        return [f"flex={flex!r}: expected True, False, or nothing for wherever Glue allows it"]
    if flex and worker not in FLEX_WORKERS:
        return [f"flex=True: Glue's flexible execution takes workers {' and '.join(FLEX_WORKERS)}, got {worker}"]
    return []


def _threshold(value: object) -> list[str]:
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1e9:
        return []
    return [f"emr_above_gb={value!r}: expected a number of GB, 0 or more"]


def _range(stage: Stage, name: str, least: int, most: int, rule: str) -> str | None:
    value = getattr(stage, name)
    if _is_int(value) and least <= value <= most:
        return None
    return f"{name}={value!r}: expected a whole number from {least} to {most} ({rule})"


def _choice(stage: Stage, name: str) -> str | None:
    value = getattr(stage, name, None)
    if value is None or value in CHOICES[name]:
        return None
    return f"{name}={value!r}: expected one of {', '.join(CHOICES[name])}"


def _switches(stage: Stage) -> list[tuple[str, object]]:
    named = ((name, getattr(stage, name, True)) for name in ("approve", "bookmark", "emr_spot", "spot"))
    return [(name, value) for name, value in named if not isinstance(value, bool)]


def _machine(stage: Stage) -> list[str]:
    found: list[str] = []
    instance_type = getattr(stage, "instance_type", None)
    if instance_type is not None and not _INSTANCE_TYPE.fullmatch(str(instance_type)):
        found.append(f"instance_type={instance_type!r}: expected a SageMaker instance type such as ml.m5.large")
    wait, longest = getattr(stage, "max_wait_s", 0), stage.timeout_s
    if getattr(stage, "spot", False) is True and _is_int(wait) and _is_int(longest) and wait < longest:
        found.append(f"max_wait_s={wait}: SageMaker wants MaxWaitTimeInSeconds >= MaxRuntimeInSeconds ({longest})")
    found += _hyperparameters(dict(getattr(stage, "hyperparameters", {})))
    return found


def _hyperparameters(given: dict[object, object]) -> list[str]:
    found = []
    if len(given) > MOST_HYPERPARAMETERS - 5:
        found.append(f"{len(given)} hyperparameters: SageMaker takes 100, and script mode needs 5 of them")
    for name, value in given.items():
        if not isinstance(name, str) or not name or len(name) > 256 or name.startswith("sagemaker_"):
            found.append(f"hyperparameter {name!r}: expected 1 to 256 characters, not beginning with sagemaker_")
        if not isinstance(value, str | int | float | bool):
            found.append(f"hyperparameter {name!r}: expected a string, number or boolean, got {type(value).__name__}")
        elif len(str(value)) > LONGEST_HYPERPARAMETER:
            found.append(f"hyperparameter {name!r}: SageMaker takes at most 2,500 characters, got {len(str(value))}")
    return found


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
