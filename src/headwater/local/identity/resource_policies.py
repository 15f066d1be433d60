"""Whether a resource's policy lets a service in that acts for something of this account: a rule, an alarm, a topic."""

from __future__ import annotations

from headwater.local.identity.documents import statements_of
from headwater.local.identity.evaluation import Caller, trusts
from headwater.local.identity.policies import Request, Statement


def admits(policy: str | None, service: str, action: str, resource: str, source_arn: str, account: str) -> bool:
    """Whether a policy allows a service principal an action on behalf of a source.

    Parameters
    ----------
    policy:
        The resource's policy as JSON, None when it has none.
    service:
        The service principal, as ``events.amazonaws.com``.
    source_arn:
        What the service acts for; it is ``aws:SourceArn``, its account ``aws:SourceAccount`` and ``aws:SourceOwner``,
        by which SNS's default policy lets in its own account.
    """
    context = {
        "aws:principalisawsservice": "true",
        "aws:securetransport": "true",
        "aws:sourceaccount": account,
        "aws:sourcearn": source_arn,
        "aws:sourceowner": account,
    }
    statements = [_for_everyone(each) for each in statements_of(policy)] if policy else []
    return trusts(statements, Request(action, resource, context), Caller(service, account, service=service))


def _for_everyone(statement: Statement) -> Statement:
    """``{"AWS": "*"}`` is the same as ``"*"`` in a resource's policy (IAM User Guide, "Principal", 2026-11)."""
    principal = statement.get("Principal")
    everyone = isinstance(principal, dict) and principal.get("AWS") in ("*", ["*"])
    return {**statement, "Principal": "*"} if everyone else statement
