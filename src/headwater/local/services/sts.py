"""AWS STS: who am I, and session credentials of roles.

Not faithful to AWS: federation (SAML, web identity) and session policies are refused by name.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from headwater.local.service import Call, Members, Service, ServiceError, operation

if TYPE_CHECKING:
    from headwater.local.identity import Credentials

SESSION_NAME = re.compile(r"[\w+=,.@-]{2,64}")


class StsService(Service):
    """Security Token Service."""

    name = "sts"

    @operation
    def get_caller_identity(self, call: Call) -> Members:
        """The principal that signed the request."""
        return {"UserId": call.principal.user_id, "Account": call.account, "Arn": call.principal.arn}

    @operation
    def assume_role(
        self, call: Call, RoleArn: str, RoleSessionName: str, DurationSeconds: int = 3600, ExternalId: str | None = None
    ) -> Members:
        """Session credentials of a role that exists here."""
        if not SESSION_NAME.fullmatch(RoleSessionName):
            raise ServiceError(
                "ValidationError",
                f"1 validation error detected: Value '{RoleSessionName}' at 'roleSessionName' failed to satisfy "
                r"constraint: Member must satisfy regular expression pattern: [\w+=,.@-]*",
            )
        try:
            self.endpoint.call("iam", "get_role", RoleName=RoleArn.rsplit("/", 1)[-1])
        except ServiceError as error:
            # AWS does not tell whether the role exists.
            raise ServiceError(
                "AccessDenied",
                f"User: {call.principal.arn} is not authorized to perform: sts:AssumeRole on resource: {RoleArn}",
                403,
            ) from error
        credentials = self.endpoint.assume(RoleArn, RoleSessionName)
        return {
            "Credentials": _members(credentials),
            "AssumedRoleUser": {"AssumedRoleId": credentials.principal.user_id, "Arn": credentials.principal.arn},
        }


def _members(credentials: Credentials) -> Members:
    return {
        "AccessKeyId": credentials.access_key,
        "SecretAccessKey": credentials.secret_key,
        "SessionToken": credentials.token,
        "Expiration": credentials.expiration,
    }
