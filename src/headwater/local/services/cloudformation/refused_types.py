"""Resource types that cannot be deployed here: the error says whether AWS has them.

``types_of_aws.json`` has the names of AWS's types by service, from the resource schemas of all regions that cfn-lint
1.58.0 carries (read 2026-11-25); a type that AWS published later is taken for one that does not exist.

Not faithful to AWS: a type that AWS has and a custom resource are refused with CloudFormation's ``ValidationError``
before anything is made, where AWS would deploy them.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Collection
from pathlib import Path

CUSTOM = ("Custom::", "AWS::CloudFormation::CustomResource")
NAMES = Path(__file__).parent / "types_of_aws.json"


@functools.cache
def types_of_aws() -> frozenset[str]:
    """The full names of the resource types that AWS itself publishes."""
    services: dict[str, str] = json.loads(NAMES.read_text())
    return frozenset(f"{service}::{name}" for service, names in services.items() for name in names.split())


def refusal(types: Collection[str]) -> str:
    """What the error says for a template with resource types that cannot be deployed here.

    Parameters
    ----------
    types:
        The full names of these types; at least one. What AWS does not have is told first, in AWS's own words.
    """
    custom = sorted(name for name in types if name.startswith(CUSTOM))
    if unknown := sorted(set(types) - set(custom) - types_of_aws()):
        return f"Template format error: Unrecognized resource types: [{', '.join(unknown)}]"
    mend = "Nothing was made. Keep them in a template of their own, which is deployed to AWS alone"
    if custom:
        return (
            f"Headwater does not compute custom resources: [{', '.join(custom)}], whose provider answers to a signed "
            f"URL. {mend}"
        )
    return f"Headwater does not compute these resource types, which AWS has: [{', '.join(sorted(types))}]. {mend}"
