"""May this principal do this? Gathers the policies that bear on a call and decides it.

The person is the account's root: only a resource's policy can deny it something. A role's policies are read from IAM's
records once and forgotten when IAM changes, a bucket's when the bucket's policy does.

In the mode ``audit`` what would be denied is only noted. Denials of both modes are log events of the group
``/headwater/access-denied``, one JSON object each.
"""

from __future__ import annotations

import json
import logging
import threading
import time
import uuid
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from headwater.local.identity import gathering
from headwater.local.identity.actions import requests_of
from headwater.local.identity.documents import SOURCE, TRUST, statements_of
from headwater.local.identity.evaluation import (
    Caller,
    Decision,
    PolicySet,
    decide,
    decide_assuming,
    names,
    names_more_than_account,
    service_decision,
    service_request,
    trusts,
)
from headwater.local.identity.file_rules import FileRules, file_rules
from headwater.local.identity.policies import Request, Statement
from headwater.local.identity.session_limits import check_session
from headwater.local.identity.uses import Uses
from headwater.local.service import Call, Members, ServiceError

if TYPE_CHECKING:
    from headwater.local.endpoint import LocalEndpoint
    from headwater.local.identity.principals import Principal

Mode = Literal["enforce", "audit"]
DENIED = "/headwater/access-denied"
# Every principal may ask who it is, and a user for temporary credentials.
FREE = frozenset({("sts", "GetCallerIdentity"), ("sts", "GetSessionToken")})
# S3's operations after which a bucket's policy may be another.
CHANGES_BUCKET_POLICY = frozenset({"CreateBucket", "DeleteBucket", "DeleteBucketPolicy", "PutBucketPolicy"})
# The errors of these services are named without "Exception".
_PLAIN_ERRORS = frozenset({"cloudformation", "iam", "s3", "sns", "sqs", "sts"})

log = logging.getLogger(__name__)


class Authorizer:
    """Decides calls. Thread-safe.

    Parameters
    ----------
    mode:
        Whether a denied call fails or is only noted.
    """

    def __init__(self, endpoint: LocalEndpoint, mode: Mode = "enforce") -> None:
        self._endpoint = endpoint
        self.mode = mode
        self.uses = Uses(endpoint.store)
        self._lock = threading.Lock()
        self._held: dict[str, gathering.Held] = {}
        self._buckets: dict[str, list[Statement]] = {}

    def forget(self) -> None:
        """IAM changed: read the policies anew."""
        with self._lock:
            self._held.clear()

    def forget_bucket(self, bucket: str) -> None:
        """A bucket's policy may have changed: read it anew."""
        with self._lock:
            self._buckets.pop(bucket, None)

    def authorize(self, call: Call, members: Members) -> None:
        """Raise :class:`ServiceError` (AccessDenied, in AWS's words) unless the principal may."""
        principal = call.principal
        check_session(call)
        if (call.service, call.operation) in FREE:
            return
        assumes = (call.service, call.operation) == ("sts", "AssumeRole")
        if not principal.is_held and not assumes:
            if call.service != "s3" or not self._of_bucket(members.get("Bucket")):
                return
        held = self._of(principal)
        context = self._context(principal, held, call, members)
        for request in requests_of(call, members, context, self._role_of_profile):
            decision = self.decision(request, principal, held, call, members)
            if not decision.allowed:
                self._deny(call, principal, request, decision)
            else:
                self._note(principal, request, decision)

    def assume_as_service(self, role_arn: str, service: str, source_arn: str | None = None) -> None:
        """A service is to work as a role: raise :class:`ServiceError` (AccessDenied) unless the role trusts it."""
        decision = service_decision(self._of_role(role_arn).trust, role_arn, service, source_arn)
        request = service_request(role_arn, source_arn)
        if decision.allowed:
            self.uses.note(role_arn, decision.statements, request)
            return
        why = decision.why.format(action=request.action)
        text = f"User: {service} is not authorized to perform: {request.action} on resource: {role_arn} {why}"
        self._log_denial(service, request, "sts:AssumeRole", text, str(uuid.uuid4()))
        if self.mode == "enforce":
            raise ServiceError("AccessDenied", text, 403)

    def file_rules(self, principal: Principal, buckets: Iterable[str], region: str) -> FileRules | None:
        """What a session may do with the lake's files; None where nothing holds it: the person, and in audit mode."""
        if principal.role_arn is None or self.mode == "audit":
            return None
        held = self._of_role(principal.role_arn)
        caller = Caller(principal.arn, principal.account, principal.role_arn)
        named = [each for bucket in buckets for each in self._of_bucket(bucket) if names(each, caller)]
        layers = {"identity-based policy": [*held.identity, *(e for e in named if names_more_than_account(e, caller))]}
        if held.boundary is not None:
            layers["permissions boundary"] = held.boundary
        if principal.session_policies:
            texts = principal.session_policies
            layers["session policy"] = [each for text in texts for each in statements_of(text, "session")]
        call = Call("s3", "GetObject", principal, region, principal.account, str(uuid.uuid4()))
        return file_rules(principal.arn, layers, named, self._context(principal, held, call, {}))

    def observe(self, principal: Principal, request: Request) -> None:
        """Count what a role did without a call, as its identity policies have it; a denial is only noted."""
        held = self._of_role(principal.role_arn)
        caller = Caller(principal.arn, principal.account, principal.role_arn)
        decision = decide(request, PolicySet(identity=held.identity, boundary=held.boundary), caller)
        if decision.allowed:
            self._note(principal, request, decision)
            return
        why = decision.why.format(action=request.action)
        text = f"User: {principal.arn} is not authorized to perform: {request.action} on resource: "
        self._log_denial(principal.arn, request, "files", f'{text}"{request.resource}" {why}', str(uuid.uuid4()))

    def decision(
        self, request: Request, principal: Principal, held: gathering.Held, call: Call, members: Members
    ) -> Decision:
        """Decide one request of a call."""
        session = [statements_of(text, "session", "Session Policy") for text in principal.session_policies]
        limited = session or principal.temporary == "federated"
        policies = PolicySet(
            identity=held.identity,
            boundary=held.boundary,
            session=[each for statements in session for each in statements] if limited else None,
            resource=self._of_bucket(members.get("Bucket")) if call.service == "s3" else (),
        )
        caller = Caller(principal.arn, principal.account, principal.role_arn)
        asks = held.asks_for_tags or any("resourcetag/" in text.lower() for text in principal.session_policies)
        if asks and request.resource and request.resource.startswith("arn:"):
            request = replace(request, context={**request.context, **self._tags_of(request.resource)})
        if call.service != "sts" or "RoleArn" not in members:
            return decide(request, policies, caller)
        trust = self._of_role(members["RoleArn"]).trust
        if caller.is_root:  # on AWS the root user assumes no role; here it is the person, whom a role may trust
            return Decision(trusts(trust, request, caller))
        return decide_assuming(request, replace(policies, resource=trust), caller)

    def _role_of_profile(self, profile: str) -> str | None:
        try:
            return gathering.role_of_profile(self._endpoint.call, profile)
        except ServiceError as error:
            if error.code != "NoSuchEntity":
                raise
            return None  # the service itself says that there is no such profile

    def _tags_of(self, arn: str) -> dict[str, str]:
        """The tags of a resource, as condition keys: the global one, and the service's own, which has its prefix."""
        asked = arn.removesuffix(":*")
        answer = self._endpoint.call("resourcegroupstaggingapi", "get_resources", ResourceARNList=[asked])
        found = [tag for each in answer["ResourceTagMappingList"] for tag in each["Tags"]]
        prefixes = ("aws", arn.split(":")[2])
        return {f"{each}:resourcetag/{tag['Key'].lower()}": tag["Value"] for each in prefixes for tag in found}

    def _context(self, principal: Principal, held: gathering.Held, call: Call, members: Members) -> dict[str, Any]:
        """The global condition keys.

        Source: IAM User Guide, "AWS global condition context keys", 2026-11. Loopback counts as secure: nothing
        travels a wire, and a policy that asks for TLS is meant for one that does.
        """
        now = time.time()
        context: dict[str, Any] = {
            "aws:currenttime": _moment(now),
            "aws:epochtime": str(int(now)),
            "aws:principalaccount": principal.account,
            "aws:principalarn": principal.role_arn or principal.arn,
            "aws:principalisawsservice": "false",
            "aws:principaltype": _type_of(principal),
            "aws:requestedregion": call.region,
            "aws:resourceaccount": call.account,
            "aws:securetransport": "true",
            "aws:sourceip": "127.0.0.1",
            "aws:userid": principal.user_id,
            "aws:useragent": call.headers.get("user-agent", "headwater"),
        }
        if principal.user_name and principal.temporary != "federated":
            context["aws:username"] = principal.user_name
        if principal.issued is not None:
            context["aws:tokenissuetime"] = _moment(principal.issued)
        if principal.temporary:
            context["aws:multifactorauthpresent"] = "false"  # long-term keys have no such key
        own = {} if principal.temporary == "federated" else held.tags
        for key, value in {**own, **dict(principal.tags)}.items():
            context[f"aws:principaltag/{key.lower()}"] = value
        asked = _request_tags(members)
        if asked:
            context["aws:tagkeys"] = list(asked)
            context |= {f"aws:requesttag/{key.lower()}": value for key, value in asked.items()}
        elif members.get("TagKeys"):
            context["aws:tagkeys"] = list(members["TagKeys"])
        return context

    def _of(self, principal: Principal) -> gathering.Held:
        if principal.role_arn is not None or not principal.is_held:
            return self._of_role(principal.role_arn)
        key = principal.user_arn or ""
        with self._lock:
            found = self._held.get(key)
        if found is None:
            found = gathering.of_principal(self._endpoint.call, principal)
            with self._lock:
                self._held[key] = found
        return found

    def _of_role(self, role_arn: str | None) -> gathering.Held:
        if role_arn is None:
            return gathering.Held()
        with self._lock:
            found = self._held.get(role_arn)
        if found is None:
            found = gathering.of_role(self._endpoint.call, role_arn.rsplit("/", 1)[-1])
            with self._lock:
                self._held[role_arn] = found
        return found

    def _of_bucket(self, bucket: str | None) -> list[Statement]:
        if bucket is None:
            return []
        with self._lock:
            found = self._buckets.get(bucket)
        if found is None:
            found = self._read_bucket(bucket)
            with self._lock:
                self._buckets[bucket] = found
        return found

    def _read_bucket(self, bucket: str) -> list[Statement]:
        read = getattr(self._endpoint.service("s3"), "policy_of", None)  # not by a call: each call asks for it
        text = read(bucket) if read else None
        return statements_of(text, "bucket policy", "Resource Policy") if text else []

    def _note(self, principal: Principal, request: Request, decision: Decision) -> None:
        """Count a call for the policies that allowed it; a trust policy is of the role that is assumed."""
        trust = [each for each in decision.statements if each[SOURCE][1] == TRUST]
        if trust and request.resource:
            self.uses.note(request.resource, trust, request)
        own = [each for each in decision.statements if each[SOURCE][1] != TRUST]
        if own and principal.role_arn:
            self.uses.note(principal.role_arn, own, request)

    def _deny(self, call: Call, principal: Principal, request: Request, decision: Decision) -> None:
        error = _denied(call, principal, request, decision)
        operation = f"{call.service}:{call.operation}"
        self._log_denial(principal.arn, request, operation, error.message, call.request_id)
        if self.mode == "enforce":
            raise error

    def _log_denial(self, principal: str, request: Request, operation: str, message: str, request_id: str) -> None:
        event = {
            "principal": principal,
            "action": request.action,
            "resource": request.resource,
            "operation": operation,
            "mode": self.mode,
            "message": message,
            "request_id": request_id,
        }
        log.warning("denied (%s): %s", self.mode, message)
        self._endpoint.store.append_logs(DENIED, "denials", [(int(time.time() * 1000), json.dumps(event))])


def _moment(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def _type_of(principal: Principal) -> str:
    """The value of aws:PrincipalType."""
    if principal.role_arn:
        return "AssumedRole"
    if principal.temporary == "federated":
        return "FederatedUser"
    return "User" if principal.user_arn else "Account"


def _request_tags(members: Members) -> dict[str, str]:
    """The tags that a request would put, of any of AWS's shapes."""
    for name in ("Tags", "tags", "TagList", "TagsToAdd"):
        found = members.get(name)
        if isinstance(found, dict):
            return {str(key): str(value) for key, value in found.items()}
        if isinstance(found, list) and all(isinstance(tag, dict) for tag in found):
            return {str(t.get("Key", t.get("key"))): str(t.get("Value", t.get("value", ""))) for t in found}
    return {}


def _denied(call: Call, principal: Principal, request: Request, decision: Decision) -> ServiceError:
    resource = request.resource
    shown = f'"{resource}"' if call.service == "s3" else resource  # S3 alone quotes it
    on = f" on resource: {shown}" if resource else ""
    why = decision.why.format(action=request.action)
    text = f"User: {principal.arn} is not authorized to perform: {request.action}{on} {why}".rstrip()
    code = "AccessDenied" if call.service in _PLAIN_ERRORS else "AccessDeniedException"
    return ServiceError(code, text, 403)
