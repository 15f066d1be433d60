"""What session credentials can never do, whatever policies say.

Source: IAM User Guide, "Compare AWS STS credentials"; STS API Reference, GetSessionToken and GetFederationToken; read
2026-11. Credentials of GetSessionToken call IAM only where they were got with a multi-factor code, which does not exist
here.
"""

from __future__ import annotations

from headwater.local.service import Call, ServiceError

# By what the credentials came from: the operations of STS that are left; a role's session has them all but these two.
_LEFT = {
    "federated": frozenset({"GetCallerIdentity"}),
    "session-token": frozenset({"AssumeRole", "GetCallerIdentity"}),
}
_LONG_TERM = frozenset({"GetFederationToken", "GetSessionToken"})


def check_session(call: Call) -> None:
    """Raise what AWS answers to session credentials that call IAM or STS beyond what they may."""
    kind = call.principal.temporary
    if kind and call.service == "iam":
        raise ServiceError("InvalidClientTokenId", "The security token included in the request is invalid.", 403)
    if call.service != "sts":
        return
    of_role = call.principal.is_role and call.operation in _LONG_TERM
    if of_role or (kind and call.operation not in _LEFT[kind]):
        raise ServiceError("AccessDenied", f"Cannot call {call.operation} with session credentials", 403)
