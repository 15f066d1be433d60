"""Which cloud: the embedded endpoint of a project, or AWS. Everything after this module is one code path."""

from __future__ import annotations

import json
import os
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError

from headwater.cloud.refusals import error_code, explain, explain_client_side
from headwater.errors import CloudError, CredentialsError

__all__ = ["Cloud", "EndpointAddress", "connect_aws", "connect_local", "error_code", "explain", "is_alive"]

CONFIG = Config(
    retries={"mode": "standard", "max_attempts": 4},
    max_pool_connections=16,
    user_agent_extra="headwater",
)


AWS_POLL_S = 2.0


@dataclass(frozen=True)
class EndpointAddress:
    """Where a project's embedded endpoint answers, as its process announced it."""

    url: str
    region: str
    account: str
    access_key_id: str
    secret_access_key: str
    pid: int

    @classmethod
    def read(cls, home: Path) -> EndpointAddress | None:
        """The address in ``<home>/endpoint.json`` if that process is alive, else None."""
        try:
            found = json.loads((home / "endpoint.json").read_text())
        except (OSError, ValueError):
            return None
        if not is_alive(found["pid"]):
            return None
        return cls(**{name: found[name] for name in cls.__dataclass_fields__})

    def exports(self) -> dict[str, str]:
        """The environment that makes any AWS client on this machine use the endpoint."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": self.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self.secret_access_key,
            "AWS_DEFAULT_REGION": self.region,
        }


def is_alive(pid: int) -> bool:
    """Whether a process of ours runs. One that ended and that nobody has reaped (in a container, say) does not."""
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, PermissionError):
        return False
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (OSError, IndexError):  # no /proc, or it ended just now
        return True


class Cloud:
    """A session with one cloud; clients are made once each. Thread-safe.

    Attributes
    ----------
    name:
        ``"local"`` or ``"aws"``.
    poll_s:
        How often following something may ask for news.
    """

    def __init__(self, name: str, session: boto3.Session, endpoint_url: str | None, poll_s: float) -> None:
        self.name = name
        self.poll_s = poll_s
        self._session = session
        self._endpoint_url = endpoint_url
        self._clients: dict[str, Any] = {}
        self._lock = threading.Lock()
        self._account: str | None = None

    @property
    def region(self) -> str:
        """The region's name."""
        return str(self._session.region_name)

    @property
    def endpoint_url(self) -> str | None:
        """Where the embedded endpoint answers; None for AWS."""
        return self._endpoint_url

    @property
    def account(self) -> str:
        """The account id, asked of STS once."""
        if self._account is None:
            self._account = str(self.client("sts").get_caller_identity()["Account"])
        return self._account

    def client(self, service: str) -> Any:
        """The boto3 client of a service."""
        with self._lock:
            if service not in self._clients:
                self._clients[service] = self._session.client(service, endpoint_url=self._endpoint_url, config=CONFIG)
            return self._clients[service]


def connect_local(address: EndpointAddress) -> Cloud:
    """A session with the embedded endpoint. Ignores the person's AWS settings: nothing can reach AWS by mistake."""
    core = botocore.session.Session(profile=None)
    core.set_config_variable("ignore_configured_endpoint_urls", True)
    session = boto3.Session(
        aws_access_key_id=address.access_key_id,
        aws_secret_access_key=address.secret_access_key,
        region_name=address.region,
        botocore_session=core,
    )
    cloud = Cloud("local", session, address.url, poll_s=0.1)
    cloud._account = address.account
    return cloud


def connect_aws(profile: str | None, region: str | None) -> Cloud:
    """A session with AWS (or what AWS_ENDPOINT_URL points at), by the usual chain of credentials.

    Raises
    ------
    CloudError
        For a profile that is not there, or no region.
    CredentialsError
        Where the chain gives none.
    """
    try:
        session = boto3.Session(profile_name=profile, region_name=region)
        credentials = session.get_credentials()
    except BotoCoreError as error:
        raise explain_client_side(error) from error
    if not session.region_name:
        raise CloudError("no region is set: pass --region, or set AWS_DEFAULT_REGION or the profile's region")
    if credentials is None:
        raise CredentialsError(
            "no AWS credentials were found: run `aws configure` or `aws sso login`, pass --profile, or set "
            "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        )
    return Cloud("aws", session, None, poll_s=AWS_POLL_S)
