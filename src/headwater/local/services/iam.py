"""AWS IAM: what it keeps is moto's; the policy simulators are computed, by the evaluator that decides every call.

Source: IAM API Reference, SimulatePrincipalPolicy, SimulateCustomPolicy and EvaluationResult (2026-11).

Not faithful to AWS: MatchedStatements have no positions; ResourceHandlingOption, which tells EC2's scenarios apart, is
refused by name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from headwater.local import wire
from headwater.local.identity import gathering
from headwater.local.identity.documents import SOURCE, statements_of
from headwater.local.identity.evaluation import Caller, Decision, PolicySet, decide
from headwater.local.identity.policies import Request, Statement, matching, missing_keys
from headwater.local.record_gaps import GAPS
from headwater.local.service import Call, Members, Service, ServiceError, operation

SIMULATORS = frozenset({"SimulateCustomPolicy", "SimulatePrincipalPolicy"})
PRINCIPAL = re.compile(r"arn:aws:iam::\d{12}:(user|role|group)/(?:.*/)?([^/]+)")
ACTION = re.compile(r"[a-zA-Z0-9-]+:[a-zA-Z0-9*]+")
PAGE = 100


@dataclass(frozen=True)
class Scenario:
    """What is simulated beside the policies: each action on each resource, with the given context."""

    actions: list[str]
    resources: list[str]
    context: dict[str, Any] = field(default_factory=dict)
    max_items: int = PAGE
    marker: str | None = None


class IamService(Service):
    """Identity and Access Management."""

    name = "iam"
    record_operations = frozenset(wire.aws_names("iam").values()) - SIMULATORS - GAPS["iam"]

    @operation
    def simulate_custom_policy(
        self,
        call: Call,
        PolicyInputList: list[str],
        ActionNames: list[str],
        PermissionsBoundaryPolicyInputList: list[str] | None = None,
        ResourceArns: list[str] | None = None,
        ResourcePolicy: str | None = None,
        ResourceOwner: str | None = None,
        CallerArn: str | None = None,
        ContextEntries: list[dict[str, Any]] | None = None,
        MaxItems: int = PAGE,
        Marker: str | None = None,
    ) -> Members:
        """What given policies would decide."""
        _own_account(call, ResourceOwner)
        if ResourcePolicy and CallerArn is None:
            raise ServiceError("InvalidInput", "CallerArn is required when a ResourcePolicy is given")
        scenario = _scenario(ActionNames, ResourceArns, ContextEntries, MaxItems, Marker)
        policies = PolicySet(
            identity=_inputs("PolicyInputList", PolicyInputList, "IAM Policy"),
            boundary=_boundary(PermissionsBoundaryPolicyInputList),
            resource=_inputs("ResourcePolicy", [ResourcePolicy] if ResourcePolicy else [], "Resource Policy"),
        )
        return _simulated(scenario, policies, _caller(call, CallerArn))

    @operation
    def simulate_principal_policy(
        self,
        call: Call,
        PolicySourceArn: str,
        ActionNames: list[str],
        PolicyInputList: list[str] | None = None,
        PermissionsBoundaryPolicyInputList: list[str] | None = None,
        ResourceArns: list[str] | None = None,
        ResourcePolicy: str | None = None,
        ResourceOwner: str | None = None,
        CallerArn: str | None = None,
        ContextEntries: list[dict[str, Any]] | None = None,
        MaxItems: int = PAGE,
        Marker: str | None = None,
    ) -> Members:
        """What the policies of a user, group or role, and further ones, would decide."""
        _own_account(call, ResourceOwner)
        found = PRINCIPAL.fullmatch(PolicySourceArn)
        if found is None:
            raise ServiceError(
                "InvalidInput", f"Invalid Entity Arn: {PolicySourceArn} does not clearly define entity type and name."
            )
        kind, name = found.groups()
        if kind == "role":
            self.endpoint.call("iam", "get_role", RoleName=name)  # NoSuchEntity when there is none
        if kind == "group" and ResourcePolicy and CallerArn is None:
            raise ServiceError("InvalidInput", "CallerArn must be a user: a group cannot be the caller of a policy")
        gather = {"role": gathering.of_role, "user": gathering.of_user, "group": gathering.of_group}[kind]
        held = gather(self.endpoint.call, name)
        scenario = _scenario(ActionNames, ResourceArns, ContextEntries, MaxItems, Marker)
        tags = {f"aws:principaltag/{key.lower()}": value for key, value in held.tags.items()}
        own = {"aws:principalarn": PolicySourceArn, "aws:principalaccount": call.account, **tags}
        if kind == "user":
            own["aws:username"] = name
        given = _boundary(PermissionsBoundaryPolicyInputList)
        policies = PolicySet(
            identity=[*held.identity, *_inputs("PolicyInputList", PolicyInputList or [], "IAM Policy")],
            boundary=held.boundary if given is None else given,
            resource=_inputs("ResourcePolicy", [ResourcePolicy] if ResourcePolicy else [], "Resource Policy"),
        )
        scenario = replace(scenario, context={**own, **scenario.context})
        return _simulated(scenario, policies, _caller(call, CallerArn or PolicySourceArn))


def _own_account(call: Call, owner: str | None) -> None:
    if owner is not None and owner not in (call.account, f"arn:aws:iam::{call.account}:root"):
        raise ServiceError("InvalidInput", f"ResourceOwner is {owner}: here is the account {call.account} alone")


def _caller(call: Call, arn: str | None) -> Caller:
    found = PRINCIPAL.fullmatch(arn or "")
    role = arn if found is not None and found[1] == "role" else None
    return Caller(arn or f"arn:aws:iam::{call.account}:user/simulated", call.account, role)


def _boundary(documents: list[str] | None) -> list[Statement] | None:
    if documents is None:
        return None
    return _inputs("PermissionsBoundaryPolicyInputList", documents, "Permissions Boundary Policy")


def _inputs(member: str, documents: list[str], kind: str) -> list[Statement]:
    """The statements of given policies, named as AWS names them: `PolicyInputList.1` …"""
    found: list[Statement] = []
    for number, text in enumerate(documents, 1):
        name = member if member == "ResourcePolicy" else f"{member}.{number}"
        try:
            statements = statements_of(text, name, kind)
        except (ValueError, TypeError, AttributeError) as error:
            raise ServiceError("InvalidInput", f"{name}: Syntax errors in policy.") from error
        for statement in statements:
            _check(name, statement)
        found += statements
    if not documents or found:
        return found
    raise ServiceError("InvalidInput", f"{member}: Missing required field Statement")


def _check(name: str, statement: Statement) -> None:
    if statement.get("Effect") not in ("Allow", "Deny"):
        raise ServiceError("InvalidInput", f"{name}: Invalid effect: {statement.get('Effect')}; is Allow or Deny")
    if ("Action" in statement) == ("NotAction" in statement):
        raise ServiceError("InvalidInput", f"{name}: Policy statement must contain actions.")
    if "Resource" not in statement and "NotResource" not in statement:
        raise ServiceError("InvalidInput", f"{name}: Policy statement must contain resources.")


def _scenario(
    actions: list[str],
    resources: list[str] | None,
    entries: list[dict[str, Any]] | None,
    max_items: int,
    marker: str | None,
) -> Scenario:
    for action in actions:
        if not ACTION.fullmatch(action):
            raise ServiceError("InvalidInput", f"Invalid Action: {action} is not service:Operation")
    context = {}
    for entry in entries or []:
        values = entry.get("ContextKeyValues") or []
        is_list = str(entry.get("ContextKeyType", "string")).endswith("List")
        if not is_list and len(values) != 1:
            key = entry["ContextKeyName"]
            raise ServiceError("InvalidInput", f"{key} is of type {entry.get('ContextKeyType')}: it takes one value")
        context[entry["ContextKeyName"].lower()] = values if is_list else values[0]
    if marker is not None and not marker.isdigit():
        raise ServiceError("InvalidInput", f"Invalid Marker: {marker}")
    return Scenario(actions, resources or ["*"], context, max_items, marker)


# -- the answer ------------------------------------------------------------------------------------------------------


def _simulated(scenario: Scenario, policies: PolicySet, caller: Caller) -> Members:
    results = [
        _result(Request(action, resource, scenario.context), policies, caller)
        for action in scenario.actions
        for resource in scenario.resources
    ]
    first = int(scenario.marker or 0)
    end = first + scenario.max_items
    answer: Members = {"EvaluationResults": results[first:end], "IsTruncated": end < len(results)}
    return {**answer, "Marker": str(end)} if end < len(results) else answer


def _result(request: Request, policies: PolicySet, caller: Caller) -> Members:
    decision = decide(request, policies, caller)
    every = [*policies.identity, *(policies.boundary or ()), *policies.resource]
    result: Members = {
        "EvalActionName": request.action,
        "EvalResourceName": request.resource,
        "EvalDecision": _word(decision),
        "MatchedStatements": _sources(decision.statements),
        "MissingContextValues": sorted(missing_keys(every, request)),
    }
    if policies.resource:
        result["EvalDecisionDetails"] = {
            "IAM Policy": _word_of(policies.identity, request),
            "Resource Policy": _word(decide(request, PolicySet(resource=policies.resource), caller)),
        }
    if policies.boundary is not None:
        within = _word_of(policies.boundary, request) == "allowed"
        result["PermissionsBoundaryDecisionDetail"] = {"AllowedByPermissionsBoundary": within}
    shared = ("MatchedStatements", "MissingContextValues", "EvalDecisionDetails", "PermissionsBoundaryDecisionDetail")
    specific: Members = {
        "EvalResourceName": request.resource,
        "EvalResourceDecision": result["EvalDecision"],
        **{key: result[key] for key in shared if key in result},
    }
    return {**result, "ResourceSpecificResults": [specific]}


def _word(decision: Decision) -> str:
    return "allowed" if decision.allowed else "explicitDeny" if decision.explicit else "implicitDeny"


def _word_of(statements: Iterable[Statement], request: Request) -> str:
    held = list(statements)
    if matching(held, request, "Deny"):
        return "explicitDeny"
    return "allowed" if matching(held, request, "Allow") else "implicitDeny"


def _sources(statements: Iterable[Statement]) -> list[dict[str, str]]:
    found = dict.fromkeys(statement[SOURCE][:2] for statement in statements)
    return [{"SourcePolicyId": name, "SourcePolicyType": kind} for name, kind in found]
