"""The decision over all kinds of policies, as AWS documents it for one account.

Pure. Source: IAM User Guide, "Policy evaluation logic" and "How AWS enforcement code logic evaluates requests"
(2026-11):

1. an explicit Deny anywhere ends it;
2. a resource's policy that names the session itself allows, whatever boundary and session policy leave out;
3. else a permissions boundary, and a session policy, must each allow where there is one;
4. and an identity policy, or a resource's policy that names the role, must.

A resource's policy that names the account only lets the account's own policies decide. A role's trust policy is a
resource's policy for sts:AssumeRole, without which no identity policy lets the role be assumed. The account's root user
is held by explicit denials alone.

Not faithful to AWS: service and resource control policies of an organization do not exist here; other accounts do not.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from headwater.local.identity.policies import Request, Statement, matching

Statements = Sequence[Statement]
_RESOURCE = "resource-based policy"


@dataclass(frozen=True)
class Caller:
    """Who asks, in the ways that a Principal element may name it.

    Parameters
    ----------
    arn:
        The session's or user's ARN.
    account:
        The account's id.
    role_arn:
        Of a session.
    service:
        A service principal, as `glue.amazonaws.com`.
    """

    arn: str
    account: str
    role_arn: str | None = None
    service: str | None = None

    @property
    def is_root(self) -> bool:
        """Whether it is the account's root user."""
        return self.arn == f"arn:aws:iam::{self.account}:root"


@dataclass(frozen=True)
class PolicySet:
    """The policies that decide; None for a boundary or session policy that does not exist."""

    identity: Statements = ()
    boundary: Statements | None = None
    session: Statements | None = None
    resource: Statements = ()


@dataclass(frozen=True)
class Decision:
    """What was decided, and by what.

    Parameters
    ----------
    allowed:
        Whether it may be done.
    explicit:
        Whether a Deny said no.
    why:
        The reason of a refusal in AWS's words, with `{action}` in it; empty where it is allowed.
    statements:
        The statements that decided: the denials, or the grants.
    """

    allowed: bool
    explicit: bool = False
    why: str = ""
    statements: tuple[Statement, ...] = ()


def decide(request: Request, policies: PolicySet, caller: Caller) -> Decision:
    """Decide one request."""
    named = [each for each in policies.resource if names(each, caller)]
    for statements, kind in (
        (policies.identity, "an identity-based policy"),
        (named, "a resource-based policy"),
        (policies.boundary or (), "a permissions boundary"),
        (policies.session or (), "a session policy"),
    ):
        if denials := matching(statements, request, "Deny"):
            return Decision(False, True, f"with an explicit deny in {kind}", tuple(denials))
    if caller.is_root:
        return Decision(True)
    granted = matching(named, request, "Allow")
    if direct := [each for each in granted if names_session(each, caller)]:
        return Decision(True, statements=tuple(direct))
    by_role = [each for each in granted if names_more_than_account(each, caller)]
    allows = [*matching(policies.identity, request, "Allow"), *by_role]
    if not allows:
        return _implicit("identity-based policy")
    if policies.boundary is not None and not matching(policies.boundary, request, "Allow"):
        return _implicit("permissions boundary")
    if policies.session is not None and not matching(policies.session, request, "Allow"):
        return _implicit("session policy")
    return Decision(True, statements=tuple(allows))


def decide_assuming(request: Request, policies: PolicySet, caller: Caller) -> Decision:
    """Decide whether a role is assumed: its trust policy has to allow it, unlike a resource's policy in one account.

    Source: IAM User Guide, "Policy evaluation logic" (role trust policies are the exception), read 2026-11.
    """
    decision = decide(request, policies, caller)
    return decision if not decision.allowed or trusts(policies.resource, request, caller) else _implicit(_RESOURCE)


def service_may_assume(trust: Statements, role_arn: str, service: str, source_arn: str | None = None) -> bool:
    """Whether a role's trust policy lets a service principal (`glue.amazonaws.com`) assume it, for this account."""
    return service_decision(trust, role_arn, service, source_arn).allowed


def service_decision(trust: Statements, role_arn: str, service: str, source_arn: str | None = None) -> Decision:
    """Decide whether a service principal may assume a role, by the role's trust policy.

    ``source_arn`` is what the service acts for, of the services that say so to IAM.
    """
    granted = trusting(trust, service_request(role_arn, source_arn), _service_caller(role_arn, service))
    return Decision(True, statements=tuple(granted)) if granted else _implicit(_RESOURCE)


def service_request(role_arn: str, source_arn: str | None = None) -> Request:
    """What a service asks for when it assumes a role for this account."""
    account = role_arn.split(":")[4]
    context = {"aws:sourceaccount": account, "aws:principalisawsservice": "true", "aws:securetransport": "true"}
    return Request("sts:AssumeRole", role_arn, context | ({"aws:sourcearn": source_arn} if source_arn else {}))


def _service_caller(role_arn: str, service: str) -> Caller:
    return Caller(service, role_arn.split(":")[4], service=service)


def trusts(statements: Statements, request: Request, caller: Caller) -> bool:
    """Whether a role's trust policy alone lets a caller assume it."""
    return bool(trusting(statements, request, caller))


def trusting(statements: Statements, request: Request, caller: Caller) -> list[Statement]:
    """The statements of a role's trust policy that alone let a caller assume it; none where one denies it."""
    named = [each for each in statements if names(each, caller)]
    return [] if matching(named, request, "Deny") else matching(named, request, "Allow")


def _implicit(kind: str) -> Decision:
    return Decision(False, why=f"because no {kind} allows the {{action}} action")


# -- principals ------------------------------------------------------------------------------------------------------


def names(statement: Statement, caller: Caller) -> bool:
    """Whether a statement's Principal, or all but its NotPrincipal, is the caller."""
    if "NotPrincipal" in statement:
        return not _any_is(statement["NotPrincipal"], caller)
    return _any_is(statement.get("Principal"), caller)


def names_session(statement: Statement, caller: Caller) -> bool:
    """Whether a statement names the session or user by its own ARN."""
    return caller.arn in _listed(statement.get("Principal"), "AWS")


def names_more_than_account(statement: Statement, caller: Caller) -> bool:
    """Whether a statement names the caller by more than its account, which would only hand the decision back."""
    if "NotPrincipal" in statement:
        return True
    account = {caller.account, f"arn:aws:iam::{caller.account}:root"}
    return any(each not in account for each in _listed(statement.get("Principal"), "AWS", "Service"))


def _any_is(principal: object, caller: Caller) -> bool:
    if caller.service is not None:
        return any(each in ("*", caller.service) for each in _listed(principal, "Service"))
    own = {caller.arn, caller.account, f"arn:aws:iam::{caller.account}:root"}
    if caller.role_arn:
        own.add(caller.role_arn)
    return any(each == "*" or each in own for each in _listed(principal, "AWS"))


def _listed(principal: object, *kinds: str) -> Iterable[str]:
    if isinstance(principal, str):
        return [principal]
    if not isinstance(principal, dict):
        return []
    found = [principal[kind] for kind in kinds if kind in principal]
    return [str(each) for value in found for each in (value if isinstance(value, list) else [value])]
