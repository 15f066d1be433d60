"""Who is calling: access key → principal, and session credentials of roles, users and the person.

The person's key is the root of the account; IAM's users have the keys that CreateAccessKey gave them. Jobs, functions
and executions call with session credentials of their role, issued here and kept in the store, so that a job started
before a restart still has its name after it.

Source: STS API Reference, GetSessionToken and GetFederationToken; IAM User Guide, "Compare AWS STS credentials", read
2026-11.
"""

from __future__ import annotations

import secrets
import string
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Literal

from headwater.local.service import ServiceError
from headwater.local.store import Record, Store

KIND = "identity.session"
SESSION_S = 12 * 3600
# How a session came to be, where it is no role's: by GetSessionToken or GetFederationToken.
Temporary = Literal["", "session-token", "federated"]


@dataclass(frozen=True)
class UserKey:
    """An active access key of an IAM user."""

    secret: str
    user_arn: str
    user_id: str


KeyLookup = Callable[[str], UserKey | None]


@dataclass(frozen=True)
class Principal:
    """Who a request comes from.

    ``arn`` is what IAM shows (``arn:aws:sts::…:assumed-role/…`` for a session); ``role_arn`` is set for sessions of
    roles, ``user_arn`` for IAM users and their sessions. ``session_policies`` are documents that limit the session,
    ``tags`` those that were passed with it. A federated session without policies may do nothing by itself. ``issued``
    is when session credentials were given, in seconds since the epoch.
    """

    arn: str
    account: str
    user_id: str
    role_arn: str | None = None
    session_policies: tuple[str, ...] = ()
    tags: tuple[tuple[str, str], ...] = ()
    user_arn: str | None = None
    temporary: Temporary = ""
    issued: int | None = None

    @property
    def is_role(self) -> bool:
        """Whether it is a session of a role."""
        return self.role_arn is not None

    @property
    def is_held(self) -> bool:
        """Whether policies decide what it may do: of all others the root user is held by denials alone."""
        return self.role_arn is not None or self.user_arn is not None or self.temporary == "federated"

    @property
    def user_name(self) -> str | None:
        """The name of an IAM user, None for others."""
        return self.user_arn.rsplit("/", 1)[-1] if self.user_arn else None


@dataclass(frozen=True)
class Credentials:
    """Session credentials."""

    access_key: str
    secret_key: str
    token: str
    expiration: datetime
    principal: Principal


class Identity:
    """Keys and sessions of one endpoint.

    Parameters
    ----------
    person_key, person_secret:
        The key that the person's tools use (``test``/``test`` unless the environment says otherwise).
    user_key:
        Finds the active key of an IAM user.
    """

    def __init__(
        self, store: Store, account: str, person_key: str, person_secret: str, user_key: KeyLookup = lambda key: None
    ) -> None:
        self._store = store
        self._user_key = user_key
        self.account = account
        self.person_key = person_key
        self._person_secret = person_secret
        self.person = Principal(f"arn:aws:iam::{account}:root", account, account)
        self._sessions: dict[str, tuple[str, str, float, Principal]] = {}

    def assume(
        self,
        role_arn: str,
        session_name: str,
        duration_s: int = SESSION_S,
        policies: tuple[str, ...] = (),
        tags: tuple[tuple[str, str], ...] = (),
    ) -> Credentials:
        """New session credentials of ``role_arn``, kept in the store until they expire.

        Parameters
        ----------
        policies:
            Session policies: documents that limit what the role may do.
        tags:
            Session tags.
        """
        role_name = role_arn.rsplit("/", 1)[-1]
        arn = f"arn:aws:sts::{self.account}:assumed-role/{role_name}/{session_name}"
        principal = Principal(arn, self.account, f"AROA:{session_name}", role_arn, policies, tags)
        return self.issue(principal, duration_s)

    def issue(self, principal: Principal, duration_s: int) -> Credentials:
        """New session credentials of a principal, kept in the store until they expire."""
        access_key = "ASIA" + _random(string.ascii_uppercase + string.digits, 16)
        secret_key = _random(string.ascii_letters + string.digits, 40)
        token = _random(string.ascii_letters + string.digits, 120)
        principal = replace(principal, issued=int(time.time()))
        expires = int(time.time()) + duration_s
        record = {
            "secret": secret_key,
            "token": token,
            "expires": expires,
            "arn": principal.arn,
            "user_id": principal.user_id,
            "role_arn": principal.role_arn,
            "user_arn": principal.user_arn,
            "temporary": principal.temporary,
            "issued": principal.issued,
            "policies": principal.session_policies,
            "tags": principal.tags,
        }
        self._store.put(KIND, access_key, record)
        return Credentials(access_key, secret_key, token, datetime.fromtimestamp(expires, UTC), principal)

    def _kept(self, record: Record) -> Principal:
        """The principal of kept session credentials."""
        return Principal(
            record["arn"],
            self.account,
            record["user_id"],
            record["role_arn"],
            tuple(record["policies"]),
            tuple((key, value) for key, value in record["tags"]),
            record["user_arn"],
            record["temporary"],
            record.get("issued"),
        )

    def is_long_term(self, access_key: str) -> bool:
        """Whether a key looks like one of an IAM user."""
        return access_key.startswith("AKIA") and access_key != self.person_key

    def authenticate(self, access_key: str, token: str | None, service: str) -> tuple[Principal, str]:
        """The principal of an access key and the secret to check the signature with. Raises as AWS does."""
        if access_key == self.person_key:
            return self.person, self._person_secret
        if user := self._user_key(access_key) if self.is_long_term(access_key) else None:
            principal = Principal(user.user_arn, self.account, user.user_id, user_arn=user.user_arn)
            return principal, user.secret
        if access_key not in self._sessions:
            record = self._store.get(KIND, access_key)
            if record is None or "arn" not in record:
                raise _unknown_key(access_key, service)
            self._sessions[access_key] = (record["secret"], record["token"], record["expires"], self._kept(record))
        secret, expected_token, expires, principal = self._sessions[access_key]
        if token is None or not secrets.compare_digest(token, expected_token):
            raise _unknown_key(access_key, service)
        if expires < time.time():
            raise ServiceError("ExpiredToken", "The security token included in the request is expired", 403)
        return principal, secret

    def forget_expired(self) -> None:
        """Drop sessions past their end from the store."""
        now = time.time()
        for key, record in self._store.scan(KIND):
            if record["expires"] < now:
                self._store.delete(KIND, key)
                self._sessions.pop(key, None)


def _unknown_key(access_key: str, service: str) -> ServiceError:
    if service == "s3":
        return ServiceError(
            "InvalidAccessKeyId",
            "The AWS Access Key Id you provided does not exist in our records.",
            403,
            AWSAccessKeyId=access_key,
        )
    return ServiceError("UnrecognizedClientException", "The security token included in the request is invalid.", 403)


def _random(alphabet: str, length: int) -> str:
    return "".join(secrets.choice(alphabet) for _ in range(length))
