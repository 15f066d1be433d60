"""How the states of the machine name the lake, the assets and each other's results: JSONata and placeholders.

`${Name}` is CloudFormation's `DefinitionSubstitutions`, `{% … %}` is JSONata. A state passes its input on, with what
later stages need of its result merged in: `model_<dataset>` (the S3 URI of this run's model.tar.gz),
`metrics_<stage>` (the numbers), `package_<dataset>` (the model package's ARN).
"""

from __future__ import annotations

from headwater.plan.naming import ASSETS_BUCKET, BUCKET
from headwater.workflow.lake import Dataset

FORWARD = "{% $states.input %}"
LAKE_URI = f"s3://${{{BUCKET}}}/"
ASSETS_URI = f"s3://${{{ASSETS_BUCKET}}}/"


def merged(key: str, value: str) -> str:
    """Return a state's input with a value of its result merged in."""
    return f"{{% $merge([$states.input, {{'{key}': {value}}}]) %}}"


def uri_of(dataset: Dataset, final: bool = False) -> str:
    """Where a dataset lies; of a model, this run's artifact (which a run that failed before it does not have)."""
    if dataset.zone != "model":
        return LAKE_URI + dataset.prefix
    made = f"$states.input.model_{dataset.name}"
    return f"{{% $exists({made}) ? {made} : '{LAKE_URI}{dataset.prefix}' %}}" if final else f"{{% {made} %}}"
