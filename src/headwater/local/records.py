"""The services and operations that only keep records, answered by moto in process.

moto is a fine notebook and no engine, so only what is listed in :data:`RECORD_SERVICES` (and in a computed service's
``record_operations``) reaches it; whatever else is asked is refused by name.

moto keeps its records in memory. To lose nothing, each request that changes something is journaled with the seed of
moto's random identifiers, and replayed when the endpoint starts, on the first call. The cost: start-up grows with the
number of changes ever made, and creation dates become the date of the replay (not faithful to AWS).
"""

from __future__ import annotations

import functools
import importlib
import json
import os
import re
import threading
import time
from base64 import b64decode, b64encode
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from headwater.local import aws_managed_policies, wire
from headwater.local.identity.principals import UserKey
from headwater.local.record_gaps import GAPS
from headwater.local.record_rules import check_record, mend_answer
from headwater.local.service import Members, ServiceError
from headwater.local.store import Store
from headwater.local.wire import HttpRequest, HttpResponse

# botocore's service name → the operations answered; "*" where all of them are records and nothing executes.
# What is left out computes on AWS (runs a query, sends a call, fires a schedule) and would be pretended here.
RECORD_SERVICES: dict[str, frozenset[str] | str] = {
    "application-autoscaling": "*",
    "dynamodb": "*",
    "ec2": frozenset(
        {
            "DescribeAvailabilityZones",
            "DescribeInstanceTypes",
            "DescribeRegions",
            "DescribeRouteTables",
            "DescribeSecurityGroups",
            "DescribeSubnets",
            "DescribeVpcEndpoints",
            "DescribeVpcs",
        }
    ),
    "ecr": "*",
    "kms": "*",
    "secretsmanager": "*",
    "sns": "*",
    "sqs": "*",
    "ssm": frozenset(
        {
            "AddTagsToResource",
            "DeleteParameter",
            "DeleteParameters",
            "DescribeParameters",
            "GetParameter",
            "GetParameterHistory",
            "GetParameters",
            "GetParametersByPath",
            "LabelParameterVersion",
            "ListTagsForResource",
            "PutParameter",
            "RemoveTagsFromResource",
        }
    ),
}


@functools.cache
def recorded_operations(service: str) -> frozenset[str]:
    """The operations (AWS's spelling) of a service in :data:`RECORD_SERVICES` that are answered."""
    allowed = RECORD_SERVICES[service]
    names = wire.aws_names(service).values() if allowed == "*" else allowed
    return frozenset(names) - GAPS.get(service, frozenset())


READS = re.compile(r"(Describe|Get|List|Head|Search|Query|Scan|BatchGet|Simulate|Verify|Lookup|Check)")
# These begin like reads and change something.
WRITES = frozenset({"GetRandomPassword", "GetAuthorizationToken"})

POLL_S = 0.1

Handler = Callable[[Any, str, Any], tuple[int, dict[str, Any], Any]]


class MotoRecords:
    """moto's backends behind a journal. Thread-safe: one call at a time, since moto's backends are not.

    Parameters
    ----------
    store:
        Where the journal is.
    account:
        The account id that every record belongs to.
    """

    def __init__(self, store: Store, account: str) -> None:
        self._store = store
        self._account = account
        self._lock = threading.RLock()
        self._replayed = False
        self._knows_managed_policies = False
        self._handlers: dict[str, list[tuple[re.Pattern[str], Handler]]] = {}
        store.schema(
            "CREATE TABLE IF NOT EXISTS record_journal (id INTEGER PRIMARY KEY, service TEXT NOT NULL, "
            "region TEXT NOT NULL, request TEXT NOT NULL)"
        )

    @staticmethod
    def answers(service: str, operation: str) -> bool:
        """Whether this operation (AWS's spelling) of a service without a room of its own only keeps records."""
        return service in RECORD_SERVICES and operation in recorded_operations(service)

    def call(self, service: str, operation: str, members: Members, region: str) -> Members:
        """Call in process with members; raises :class:`ServiceError`."""
        request = wire.build_request(service, operation, members)
        return wire.parse_response(service, operation, self.handle(service, operation, request, members, region))

    def handle(self, service: str, operation: str, http: HttpRequest, members: Members, region: str) -> HttpResponse:
        """Answer a request with these members, and journal it when it changed something."""
        if (service, operation) == ("sqs", "ReceiveMessage"):
            return self._receive(http, region)
        check_record(service, operation, members)
        return self._handle(service, operation, http, members, region)

    def user_key(self, access_key: str) -> UserKey | None:
        """The active access key of an IAM user; None for one that is unknown or inactive."""
        with self._lock:
            self._replay()
            from moto.iam.models import iam_backends

            for user in iam_backends[self._account]["aws"].users.values():
                for key in user.access_keys:
                    if (key.access_key_id, key.status) == (access_key, "Active"):
                        return UserKey(key.secret_access_key, user.arn, user.id)
            return None

    def _receive(self, http: HttpRequest, region: str) -> HttpResponse:
        """A long poll of a queue as short ones: moto would hold the lock, and every other record, for its length."""
        try:
            members = json.loads(http.body)
        except ValueError:  # the query protocol of old clients
            return self._handle("sqs", "ReceiveMessage", http, {}, region)
        end = time.monotonic() + float(members.get("WaitTimeSeconds") or 0)
        poll = replace(http, body=json.dumps({**members, "WaitTimeSeconds": 0}).encode())
        while True:
            response = self._handle("sqs", "ReceiveMessage", poll, {}, region)
            if response.status >= 300 or b'"Messages"' in response.body or time.monotonic() >= end:
                return response
            time.sleep(POLL_S)

    def _handle(self, service: str, operation: str, http: HttpRequest, members: Members, region: str) -> HttpResponse:
        with self._lock:
            self._replay()
            self._know_managed_policies(service, http)
            if READS.match(operation) and operation not in WRITES:
                return self._dispatch(service, http, region)
            seed = int(self._store.query("SELECT coalesce(max(id), 0) + 1 AS n FROM record_journal")[0]["n"])
            self._seed(seed)
            response = self._dispatch(service, http, region)
            empty = operation == "ReceiveMessage" and b'"Messages"' not in response.body
            if response.status < 300 and not empty:
                self._store.execute(
                    "INSERT INTO record_journal VALUES (?, ?, ?, ?)", (seed, service, region, _dump(http))
                )
            return mend_answer(service, operation, members, response, seed)

    def _replay(self) -> None:
        if self._replayed:
            return
        self._replayed = True
        from moto.moto_api._internal.models import moto_api_backend

        moto_api_backend.reset()  # moto's backends are the process's: an earlier endpoint may have left its own
        os.environ["MOTO_ACCOUNT_ID"] = self._account
        for row in self._store.query("SELECT * FROM record_journal ORDER BY id"):
            request = _load(row["request"])
            self._know_managed_policies(row["service"], request)
            self._seed(row["id"])
            self._dispatch(row["service"], request, row["region"])

    def _know_managed_policies(self, service: str, http: HttpRequest) -> None:
        if not self._knows_managed_policies and aws_managed_policies.are_needed(service, http):
            aws_managed_policies.load(self._account)
            self._knows_managed_policies = True

    @staticmethod
    def _seed(seed: int) -> None:
        from moto.moto_api._internal import mock_random

        mock_random.seed(seed)

    def _dispatch(self, service: str, http: HttpRequest, region: str) -> HttpResponse:
        host = wire.endpoint_host(service, region)
        headers = {k: v for k, v in http.headers.items() if k not in ("host", "authorization")}
        # moto reads the region from the credential scope.
        headers["authorization"] = f"AWS4-HMAC-SHA256 Credential=test/20200101/{region}/{service}/aws4_request"
        request = wire.to_werkzeug(HttpRequest(http.method, http.path, http.query, headers, http.body, host))
        url = f"https://{host}{http.path}"
        for pattern, handler in self._backend(service):
            if pattern.match(url):
                full_url = f"{url}?{http.query}" if http.query else url
                status, answered, body = handler(request, full_url, request.headers)
                data = body.encode() if isinstance(body, str) else (body or b"")
                return HttpResponse(int(status), {str(k): str(v) for k, v in answered.items()}, data)
        raise ServiceError("UnknownOperationException", f"{service} has nothing at {http.method} {http.path}", 404)

    def _backend(self, service: str) -> list[tuple[re.Pattern[str], Handler]]:
        if service not in self._handlers:
            from moto.backends import list_of_moto_modules

            module = "awslambda" if service == "lambda" else service.replace("-", "")
            if module not in list_of_moto_modules():
                raise ServiceError("UnknownOperationException", f"{service} is not answered here", 404)
            urls = importlib.import_module(f"moto.{module}.urls")
            handlers = []
            for base in urls.url_bases:
                for path, handler in urls.url_paths.items():
                    handlers.append((re.compile(path.replace("{0}", base, 1)), handler))
            self._handlers[service] = handlers
        return self._handlers[service]


def _dump(http: HttpRequest) -> str:
    kept = {k: v for k, v in http.headers.items() if k in ("content-type", "x-amz-target")}
    return json.dumps([http.method, http.path, http.query, kept, b64encode(http.body).decode(), http.host])


def _load(text: str) -> HttpRequest:
    method, path, query, headers, body, host = json.loads(text)
    return HttpRequest(method, path, query, headers, b64decode(body), host)
