"""The policies that AWS manages (``arn:aws:iam::aws:policy/…``), read when first one is named.

The documents are AWS's own, in the edition that the installed moto carries. There are some 1,400 of them, and most
projects name none, so they are loaded by the first request that could see one.

Not faithful to AWS: only each policy's default version is known, and a policy newer than moto is not.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, unquote_plus

from headwater.local.wire import HttpRequest

NAMED = "arn:aws:iam::aws:policy/"
LISTING = frozenset({"GetAccountAuthorizationDetails", "ListPolicies"})


def are_needed(service: str, http: HttpRequest) -> bool:
    """Whether a request names or lists policies that AWS manages."""
    if service != "iam":
        return False
    body = http.body.decode("utf-8", "replace")
    if NAMED in unquote_plus(body):
        return True
    asked = parse_qs(body)
    return asked.get("Action", [""])[0] in LISTING and asked.get("Scope") != ["Local"]


def load(account: str) -> None:
    """Give moto's IAM of ``account`` the policies that AWS manages, beside those that are there."""
    import json

    from moto.iam.aws_managed_policies import aws_managed_policies_data
    from moto.iam.models import AWSManagedPolicy, iam_backends

    backend: Any = iam_backends[account]["global"]
    for name, described in json.loads(aws_managed_policies_data).items():
        policy = AWSManagedPolicy.from_data(name, backend.account_id, backend.region_name, described)
        backend.aws_managed_policies.append(policy)
        backend.managed_policies[policy.arn] = policy
