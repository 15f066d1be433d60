"""Requests, listings and transfers a second of the S3 service, through boto3 and without it, and the endpoint's memory.

Run: ``python benchmarks/s3_throughput.py [--objects 3000] [--listed 100000] [--megabytes 1024]``. The endpoint has a
process of its own; boto3's own cost is in all figures but those named ``bare``, which are presigned requests on one
connection.
"""

from __future__ import annotations

import argparse
import http.client
import os
import subprocess  # nosec B404: starts this interpreter only
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import boto3
import psutil
from botocore.config import Config

SERVER = """
import sys
from pathlib import Path
from headwater.local.endpoint import EndpointSettings, LocalEndpoint
from headwater.local.services import SERVICES
for name in set(SERVICES) - {"s3", "sts"}:
    del SERVICES[name]
endpoint = LocalEndpoint(EndpointSettings(home=Path(sys.argv[1])))
endpoint.start()
print(endpoint.url, flush=True)
sys.stdin.read()
endpoint.stop()
"""
BUCKET = "bench"


@contextmanager
def endpoint(home: Path) -> Iterator[tuple[str, psutil.Process]]:
    """A live endpoint in a process of its own: (url, process)."""
    command = [sys.executable, "-c", SERVER, str(home)]
    with subprocess.Popen(  # nosec B603: this interpreter, a literal program
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        if process.stdout is None or process.stdin is None:
            raise RuntimeError("the endpoint has no pipes")
        yield process.stdout.readline().strip(), psutil.Process(process.pid)
        process.stdin.close()


def timed(name: str, amount: float, unit: str, work: Callable[[], object]) -> None:
    """Run ``work`` and say how much of ``amount`` it did a second."""
    started = time.perf_counter()
    work()
    seconds = time.perf_counter() - started
    sys.stdout.write(f"{name:28} {amount / seconds:10.0f} {unit}/s   {seconds:7.2f} s\n")


def client(url: str, **config: Any) -> Any:
    """A boto3 client with the person's key."""
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    return boto3.client("s3", endpoint_url=url, region_name="us-east-1", config=Config(**config), **keys)


def requests(url: str, count: int) -> None:
    """Small objects, put and got."""
    s3 = client(url, max_pool_connections=8)
    for workers in (1, 4):
        with ThreadPoolExecutor(workers) as pool:
            put = lambda i: s3.put_object(Bucket=BUCKET, Key=f"d{i % 50}/{i}", Body=b"x" * 100)  # noqa: E731
            get = lambda i: s3.get_object(Bucket=BUCKET, Key=f"d{i % 50}/{i}")["Body"].read()  # noqa: E731
            timed(f"put, {workers} threads", count, "req", lambda: list(pool.map(put, range(count))))
            timed(f"get, {workers} threads", count, "req", lambda: list(pool.map(get, range(count))))
    signer = client(url, signature_version="s3v4")
    connection = http.client.HTTPConnection("127.0.0.1", urlparse(url).port or 0)
    for method, operation, body in (("PUT", "put_object", b"x" * 100), ("GET", "get_object", None)):
        signed = signer.generate_presigned_url(operation, Params={"Bucket": BUCKET, "Key": "bare"})
        timed(f"bare {method}", count, "req", lambda: _bare(connection, method, signed[len(url) :], body, count))
    connection.close()


def _bare(connection: http.client.HTTPConnection, method: str, path: str, body: bytes | None, count: int) -> None:
    for _ in range(count):
        connection.request(method, path, body=body)
        answer = connection.getresponse()
        answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{method} {path}: {answer.status}")


def listings(url: str, home: Path, count: int) -> None:
    """A flat folder of files, listed a thousand a page."""
    flat = home / "s3" / BUCKET / "flat"
    flat.mkdir()
    for number in range(count):
        (flat / f"{number:08}.csv").touch()
    s3 = client(url)
    pages = s3.get_paginator("list_objects_v2")
    for name in ("first", "again"):
        timed(
            f"list, {name}",
            count,
            "key",
            lambda: sum(page["KeyCount"] for page in pages.paginate(Bucket=BUCKET, Prefix="flat/")),
        )
    timed("list folders", 1, "req", lambda: s3.list_objects_v2(Bucket=BUCKET, Delimiter="/"))


def transfers(url: str, home: Path, megabytes: int) -> None:
    """One large file, there and back."""
    source, back = home / "source", home / "back"
    block = os.urandom(1 << 20)
    with source.open("wb") as stream:
        for _ in range(megabytes):
            stream.write(block)
    s3 = client(url)
    timed("upload_file", megabytes, "MB", lambda: s3.upload_file(str(source), BUCKET, "big"))
    timed("download_file", megabytes, "MB", lambda: s3.download_file(BUCKET, "big", str(back)))
    timed("copy_object", megabytes, "MB", lambda: s3.copy_object(Bucket=BUCKET, Key="copy", CopySource=f"{BUCKET}/big"))
    signed = client(url, signature_version="s3v4").generate_presigned_url(
        "put_object", Params={"Bucket": BUCKET, "Key": "bare"}
    )
    connection = http.client.HTTPConnection("127.0.0.1", urlparse(url).port or 0, blocksize=1 << 18)
    with source.open("rb") as body:
        length = {"Content-Length": str(megabytes << 20)}
        timed("bare upload", megabytes, "MB", lambda: connection.request("PUT", signed[len(url) :], body, length))
        connection.getresponse().read()
    connection.close()


def main() -> None:
    """Run all of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--objects", type=int, default=3000)
    parser.add_argument("--listed", type=int, default=100_000)
    parser.add_argument("--megabytes", type=int, default=1024)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, endpoint(Path(folder)) as (url, process):
        home = Path(folder)
        client(url).create_bucket(Bucket=BUCKET)
        steps: tuple[tuple[str, Callable[[], None]], ...] = (
            ("requests", lambda: requests(url, options.objects)),
            ("listings", lambda: listings(url, home, options.listed)),
            ("transfers", lambda: transfers(url, home, options.megabytes)),
        )
        for name, step in steps:
            step()
            sys.stdout.write(f"    the endpoint's memory after {name}: {process.memory_info().rss >> 20} MB\n")


if __name__ == "__main__":
    main()
