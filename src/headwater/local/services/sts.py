"""AWS STS: who am I, and session credentials of roles.

A role is assumed by whom its trust policy names (IAM User Guide, "Policy evaluation logic": the trust policy is the
role's resource policy). A session may be limited by session policies and bear session tags.

Not faithful to AWS: federation (SAML, web identity) is refused by name; tags are not transitive.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from headwater.local.identity.gathering import managed
from headwater.local.service import Call, Members, Service, ServiceError, operation

if TYPE_CHECKING:
    from headwater.local.identity import Credentials

SESSION_NAME = re.compile(r"[\w+=,.@-]{2,64}")
LARGEST_SESSION_POLICY = 2048
SHORTEST_S, LONGEST_S, CHAINED_S = 900, 43_200, 3600


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
            raise ServiceError(
                "ValidationError",
                f"1 validation error detected: Value '{RoleSessionName}' at 'roleSessionName' failed to satisfy "
                r"constraint: Member must satisfy regular expression pattern: [\w+=,.@-]*",
            )
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


def _members(credentials: Credentials) -> Members:
    return {
        "AccessKeyId": credentials.access_key,
        "SecretAccessKey": credentials.secret_key,
        "SessionToken": credentials.token,
        "Expiration": credentials.expiration,
    }
