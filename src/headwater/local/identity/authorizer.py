"""May this principal do this? Gathers a role's policies and decides each call.

The person is the account's root and may do anything. Only roles are decided: jobs, functions, executions and whoever
assumed one. A role's policies are read from IAM's records once and forgotten when IAM changes.

Not faithful to AWS: bucket policies, permissions boundaries and session policies are not evaluated.
"""

from __future__ import annotations

import json
import logging
import threading
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from headwater.local.identity.actions import requests_of
from headwater.local.identity.policies import Statement, is_allowed
from headwater.local.service import Call, Members, ServiceError

if TYPE_CHECKING:
    from headwater.local.endpoint import LocalEndpoint
    from headwater.local.identity.principals import Principal

# Every principal may ask who it is.
FREE = frozenset({("sts", "GetCallerIdentity")})

log = logging.getLogger(__name__)


class Authorizer:
    """Decides calls by the policies of roles. Thread-safe."""

    def __init__(self, endpoint: LocalEndpoint) -> None:
        self._endpoint = endpoint
        self._lock = threading.Lock()
        self._policies: dict[str, list[Statement]] = {}

    def forget(self) -> None:
        """IAM changed: read the policies anew."""
        with self._lock:
            self._policies.clear()

    def authorize(self, call: Call, members: Members) -> None:
        """Raise :class:`ServiceError` (AccessDenied, in AWS's words) unless the principal may."""
        principal = call.principal
        if principal.role_arn is None or (call.service, call.operation) in FREE:
            return
        statements = self._statements(principal.role_arn)
        for request in requests_of(call, members, self._context(principal, call)):
            if not is_allowed(statements, request):
                log.warning("denied: %s may not %s on %s", principal.arn, request.action, request.resource)
                raise _denied(call, principal, request.action, request.resource)

    @staticmethod
    def _context(principal: Principal, call: Call) -> dict[str, Any]:
        return {
            "aws:principalarn": principal.role_arn,
            "aws:principalaccount": principal.account,
            "aws:userid": principal.user_id,
            "aws:requestedregion": call.region,
            "aws:securetransport": "true",  # loopback: nothing travels a wire
            "aws:sourceip": "127.0.0.1",
            "aws:resourceaccount": call.account,
        }

    def _statements(self, role_arn: str) -> list[Statement]:
        with self._lock:
            if role_arn in self._policies:
                return self._policies[role_arn]
        found = self._read(role_arn.rsplit("/", 1)[-1])
        with self._lock:
            self._policies[role_arn] = found
        return found

    def _read(self, role: str) -> list[Statement]:
        ask = self._endpoint.call
        try:
            documents = [
                ask("iam", "get_role_policy", RoleName=role, PolicyName=name)["PolicyDocument"]
                for name in ask("iam", "list_role_policies", RoleName=role)["PolicyNames"]
            ]
            for attached in ask("iam", "list_attached_role_policies", RoleName=role)["AttachedPolicies"]:
                arn = attached["PolicyArn"]
                version = ask("iam", "get_policy", PolicyArn=arn)["Policy"]["DefaultVersionId"]
                answer = ask("iam", "get_policy_version", PolicyArn=arn, VersionId=version)
                documents.append(answer["PolicyVersion"]["Document"])
        except ServiceError as error:
            if error.code == "NoSuchEntity":
                return []  # a role that does not exist allows nothing
            raise
        statements: list[Statement] = []
        for document in documents:
            found = _document(document).get("Statement", [])
            statements += found if isinstance(found, list) else [found]
        return statements


def _document(text: str | Members) -> Members:
    """A policy as IAM answers it: percent-encoded JSON, unless someone decoded it already."""
    if not isinstance(text, str):
        return text
    document: Members = json.loads(text if text.lstrip().startswith("{") else unquote(text))
    return document


def _denied(call: Call, principal: Principal, action: str, resource: str | None) -> ServiceError:
    on = f" on resource: {resource}" if resource else ""
    text = (
        f"User: {principal.arn} is not authorized to perform: {action}{on} "
        f"because no identity-based policy allows the {action} action"
    )
    code = (
        "AccessDenied"
        if call.service in ("s3", "iam", "sts", "sns", "sqs", "cloudformation")
        else "AccessDeniedException"
    )
    return ServiceError(code, text, 403)
