"""AWS STS: who am I, and session credentials of roles, of users, and of those whom a user lets in.

A role is assumed by whom its trust policy names (IAM User Guide, "Policy evaluation logic": the trust policy is the
role's resource policy). A session may be limited by session policies and bear session tags. Credentials of
GetSessionToken act as the user or person that asked, those of GetFederationToken as what its policies and the session's
have in common; what neither may call is in :mod:`headwater.local.identity.session_limits`.

Not faithful to AWS: federation (SAML, web identity) and multi-factor codes are refused by name; tags are not
transitive.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from headwater.local.identity import Principal
from headwater.local.identity.gathering import managed
from headwater.local.service import Call, Members, Service, ServiceError, operation

if TYPE_CHECKING:
    from headwater.local.identity import Credentials

SESSION_NAME = re.compile(r"[\w+=,.@-]{2,64}")
LARGEST_SESSION_POLICY = 2048
FEDERATED_NAME = re.compile(r"[\w+=,.@-]{2,32}")
SHORTEST_S, LONGEST_S, CHAINED_S = 900, 43_200, 3600
LONGEST_TOKEN_S, ROOT_S = 129_600, 3600


class StsService(Service):
    """Security Token Service."""

    name = "sts"

    @operation
    def get_caller_identity(self, call: Call) -> Members:
        """The principal that signed the request."""
        return {"UserId": call.principal.user_id, "Account": call.account, "Arn": call.principal.arn}

    @operation
    def assume_role(
        self,
        call: Call,
        RoleArn: str,
        RoleSessionName: str,
        DurationSeconds: int = 3600,
        ExternalId: str | None = None,
        Policy: str | None = None,
        PolicyArns: list[dict[str, str]] | None = None,
        Tags: list[dict[str, str]] | None = None,
    ) -> Members:
        """Session credentials of a role that trusts the caller."""
        if not SESSION_NAME.fullmatch(RoleSessionName):
            raise _malformed("roleSessionName", RoleSessionName, SESSION_NAME)
        role = self._role(call, RoleArn)
        most_s = CHAINED_S if call.principal.is_role else int(role.get("MaxSessionDuration", LONGEST_S))
        if not SHORTEST_S <= DurationSeconds <= most_s:
            raise ServiceError(
                "ValidationError",
                (
                    "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
                    if DurationSeconds > most_s
                    else f"DurationSeconds must be at least {SHORTEST_S}; got {DurationSeconds}."
                ),
            )
        credentials = self.endpoint.assume(
            RoleArn,
            RoleSessionName,
            duration_s=DurationSeconds,
            policies=self._session_policies(Policy, PolicyArns or []),
            tags=tuple((tag["Key"], tag["Value"]) for tag in Tags or []),
        )
        return {
            "Credentials": _members(credentials),
            "AssumedRoleUser": {"AssumedRoleId": credentials.principal.user_id, "Arn": credentials.principal.arn},
        }

    @operation
    def get_session_token(self, call: Call, DurationSeconds: int = 43_200) -> Members:
        """Session credentials of the user, or of the person, that asks."""
        duration_s = _session_s(call, DurationSeconds)
        principal = replace(call.principal, temporary="session-token")
        return {"Credentials": _members(self.endpoint.identity.issue(principal, duration_s))}

    @operation
    def get_federation_token(
        self,
        call: Call,
        Name: str,
        DurationSeconds: int = 43_200,
        Policy: str | None = None,
        PolicyArns: list[dict[str, str]] | None = None,
        Tags: list[dict[str, str]] | None = None,
    ) -> Members:
        """Session credentials that may do what the caller's policies and those given both allow; by these alone."""
        if not FEDERATED_NAME.fullmatch(Name):
            raise _malformed("name", Name, FEDERATED_NAME)
        duration_s = _session_s(call, DurationSeconds)
        user_id = f"{call.account}:{Name}"
        principal = Principal(
            f"arn:aws:sts::{call.account}:federated-user/{Name}",
            call.account,
            user_id,
            session_policies=self._session_policies(Policy, PolicyArns or []),
            tags=tuple((tag["Key"], tag["Value"]) for tag in Tags or []),
            user_arn=call.principal.user_arn,
            temporary="federated",
        )
        credentials = self.endpoint.identity.issue(principal, duration_s)
        return {
            "Credentials": _members(credentials),
            "FederatedUser": {"FederatedUserId": user_id, "Arn": principal.arn},
        }

    def _role(self, call: Call, role_arn: str) -> dict[str, Any]:
        try:
            found: dict[str, Any] = self.endpoint.call("iam", "get_role", RoleName=role_arn.rsplit("/", 1)[-1])["Role"]
        except ServiceError as error:
            # AWS does not tell whether the role exists.
            raise ServiceError(
                "AccessDenied",
                f"User: {call.principal.arn} is not authorized to perform: sts:AssumeRole on resource: {role_arn}",
                403,
            ) from error
        return found

    def _session_policies(self, policy: str | None, arns: list[dict[str, str]]) -> tuple[str, ...]:
        found = []
        if policy is not None:
            if len(policy) > LARGEST_SESSION_POLICY:
                raise ServiceError(
                    "PackedPolicyTooLarge", f"Policy has {len(policy):,} characters; at most {LARGEST_SESSION_POLICY:,}"
                )
            try:
                json.loads(policy)["Statement"]
            except (ValueError, KeyError, TypeError) as error:
                raise ServiceError("MalformedPolicyDocument", "This policy contains invalid Json") from error
            found.append(policy)
        for each in arns:
            statements = managed(self.endpoint.call, each["arn"])
            found.append(json.dumps({"Version": "2012-10-17", "Statement": statements}))
        return tuple(found)


def _session_s(call: Call, asked_s: int) -> int:
    """How long a session of GetSessionToken or GetFederationToken lives; of the root user an hour at most."""
    if not SHORTEST_S <= asked_s <= LONGEST_TOKEN_S:
        raise ServiceError(
            "ValidationError",
            f"1 validation error detected: Value '{asked_s}' at 'durationSeconds' failed to satisfy constraint: Member "
            f"must have value between {SHORTEST_S} and {LONGEST_TOKEN_S}",
        )
    return asked_s if call.principal.user_arn else min(asked_s, ROOT_S)


def _malformed(member: str, value: str, pattern: re.Pattern[str]) -> ServiceError:
    return ServiceError(
        "ValidationError",
        f"1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: Member must satisfy "
        f"regular expression pattern: {pattern.pattern}",
    )


def _members(credentials: Credentials) -> Members:
    return {
        "AccessKeyId": credentials.access_key,
        "SecretAccessKey": credentials.secret_key,
        "SessionToken": credentials.token,
        "Expiration": credentials.expiration,
    }
