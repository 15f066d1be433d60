"""Fixtures that every test may use: a live endpoint on loopback, and boto3 clients against it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from headwater.local.endpoint import EndpointSettings, LocalEndpoint

settings.register_profile("headwater", deadline=None)  # how long an example takes says what else the machine does
settings.load_profile("headwater")
SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees the person's AWS or Headwater settings."""
    for name in list(os.environ):
        if name.startswith(("AWS_", "HEADWATER_", "SM_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("HEADWATER_SPARK_READY", "0")  # no JVM for a job that a test only defines


@pytest.fixture
def endpoint(tmp_path: Path) -> Iterator[LocalEndpoint]:
    """A live endpoint with a home of its own."""
    live = LocalEndpoint(EndpointSettings(home=tmp_path / ".headwater"))
    live.start()
    yield live
    live.stop()


@pytest.fixture
def aws(endpoint: LocalEndpoint) -> Callable[..., Any]:
    """``aws("glue")``: a boto3 client against the endpoint, as the person."""
    return client_factory(endpoint.url)


def client_factory(url: str, key: str = "test", secret: str = "test", token: str | None = None) -> Callable[..., Any]:
    """A maker of boto3 clients against ``url`` with given keys."""
    import boto3
    from botocore.config import Config

    def client(service: str, **options: Any) -> Any:
        config = Config(retries={"max_attempts": 1}, inject_host_prefix=False, **options.pop("config", {}))
        return boto3.client(
            service,
            endpoint_url=url,
            region_name="us-east-1",
            aws_access_key_id=key,
            aws_secret_access_key=secret,
            aws_session_token=token,
            config=config,
            **options,
        )

    return client


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of recorded AWS answers; tests that need it are skipped where it is absent."""
    if not SHARED.is_dir():
        pytest.skip(f"the recorded AWS answers are not here ({SHARED})")
    return SHARED
