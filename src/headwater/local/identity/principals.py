"""Who is calling: access key → principal, and session credentials for roles.

The person's key is the root of the account. Jobs, functions and executions call with session credentials of their
role, issued here and kept in the store, so that a job started before a restart still has its name after it.
"""

from __future__ import annotations

import secrets
import string
import time
from dataclasses import dataclass
from datetime import UTC, datetime

from headwater.local.service import ServiceError
from headwater.local.store import Store

KIND = "identity.session"
SESSION_S = 12 * 3600


@dataclass(frozen=True)
class Principal:
    """Who a request comes from.

    ``arn`` is what IAM shows (``arn:aws:sts::…:assumed-role/…`` for a session); ``role_arn`` is set for sessions.
    ``session_policies`` are documents that limit the session, ``tags`` those that were passed with it.
    """

    arn: str
    account: str
    user_id: str
    role_arn: str | None = None
    session_policies: tuple[str, ...] = ()
    tags: tuple[tuple[str, str], ...] = ()

    @property
    def is_role(self) -> bool:
        """Whether policies of a role decide what this principal may do."""
        return self.role_arn is not None


@dataclass(frozen=True)
class Credentials:
    """Session credentials of a role."""

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
    """

    def __init__(self, store: Store, account: str, person_key: str, person_secret: str) -> None:
        self._store = store
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
        access_key = "ASIA" + _random(string.ascii_uppercase + string.digits, 16)
        secret_key = _random(string.ascii_letters + string.digits, 40)
        token = _random(string.ascii_letters + string.digits, 120)
        expires = int(time.time()) + duration_s
        principal = self._session_principal(role_arn, role_name, session_name, policies, tags)
        self._store.put(
            KIND,
            access_key,
            {
                "secret": secret_key,
                "token": token,
                "expires": expires,
                "role_arn": role_arn,
                "role_name": role_name,
                "session_name": session_name,
                "policies": policies,
                "tags": tags,
            },
        )
        return Credentials(access_key, secret_key, token, datetime.fromtimestamp(expires, UTC), principal)

    def _session_principal(
        self,
        role_arn: str,
        role_name: str,
        session_name: str,
        policies: tuple[str, ...],
        tags: tuple[tuple[str, str], ...],
    ) -> Principal:
        arn = f"arn:aws:sts::{self.account}:assumed-role/{role_name}/{session_name}"
        return Principal(arn, self.account, f"AROA:{session_name}", role_arn, policies, tags)

    def authenticate(self, access_key: str, token: str | None, service: str) -> tuple[Principal, str]:
        """The principal of an access key and the secret to check the signature with. Raises as AWS does."""
        if access_key == self.person_key:
            return self.person, self._person_secret
        if access_key not in self._sessions:
            record = self._store.get(KIND, access_key)
            if record is None:
                raise _unknown_key(access_key, service)
            principal = self._session_principal(
                record["role_arn"],
                record["role_name"],
                record["session_name"],
                tuple(record.get("policies", ())),
                tuple((key, value) for key, value in record.get("tags", ())),
            )
            self._sessions[access_key] = (record["secret"], record["token"], record["expires"], principal)
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
