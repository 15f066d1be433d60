"""What every group of CloudFormation's operations shares: the records, reading templates, starting the work."""

from __future__ import annotations

import logging
import re
import threading
import uuid
from collections.abc import Callable, Sequence
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

from headwater.local.identity import Principal
from headwater.local.service import Call, Endpoint, Members, Service, ServiceError
from headwater.local.services.cloudformation import parameters
from headwater.local.services.cloudformation.deployment import Deployment, Stopped
from headwater.local.services.cloudformation.records import StackRecords
from headwater.local.services.cloudformation.registry import parse_known
from headwater.local.services.cloudformation.template import Template, validation_error
from headwater.local.store import Record

BODY_CHARS = 51_200
URL_BYTES = 1_000_000
PAGE = 100
JOIN_S = 30.0
UPDATABLE = frozenset({"CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"})
T = TypeVar("T")

log = logging.getLogger(__name__)


class StackService(Service):
    """The base of the operations' groups."""

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(endpoint)
        self.records = StackRecords(self.store)
        self.records.prepare()
        self.stopping = threading.Event()
        self.changing = threading.RLock()  # one look at a stack's status and its change together
        self._threads: set[threading.Thread] = set()

    def stop(self) -> None:
        """Let the steps under way end; the rest goes on at the next start."""
        self.stopping.set()
        with self.changing:
            threads = list(self._threads)
        for thread in threads:
            thread.join(JOIN_S)

    # -- templates -----------------------------------------------------------------------------------------------

    def read_template(self, call: Call, body: str | None, url: str | None) -> str:
        """The text of a request's template. Raises ValidationError for neither, both, or one that is too long."""
        if (body is None) == (url is None):
            raise validation_error("Either Template URL or Template Body must be specified.")
        if url is not None:
            return self._fetch(call, url)
        assert body is not None  # nosec B101: exactly one is there
        if len(body) > BODY_CHARS:
            raise validation_error(
                f"1 validation error detected: Value at 'templateBody' failed to satisfy constraint: Member must have "
                f"length less than or equal to {BODY_CHARS}"
            )
        return body

    def _fetch(self, call: Call, url: str) -> str:
        bucket, key = bucket_and_key(url)
        try:
            answer = self.endpoint.call("s3", "get_object", principal=call.principal, Bucket=bucket, Key=key)
        except ServiceError as error:
            raise validation_error(f"S3 error: {error.message} ({error.code}: s3://{bucket}/{key})") from error
        with answer["Body"] as stream:
            content = stream.read()
        if len(content) > URL_BYTES:
            raise validation_error(f"Template may not exceed {URL_BYTES} bytes in size.")
        return str(content.decode("utf-8"))

    @staticmethod
    def parse(body: str) -> Template:
        """A checked template."""
        return parse_known(body)

    def target(
        self,
        template: Template,
        given: list[dict[str, Any]],
        tags: list[dict[str, str]],
        previous: Record | None = None,
    ) -> Record:
        """Where a stack operation goes."""
        texts = parameters.merge(template, given, previous["parameters"] if previous else None)
        return {
            "template": template.body,
            "description": template.description,
            "parameters": texts,
            "tags": {tag["Key"]: tag["Value"] for tag in tags},
        }

    # -- work ----------------------------------------------------------------------------------------------------

    def begin(self, stack: Record, principal: Principal | None, work: Callable[[Deployment], None]) -> None:
        """Run a stack operation on a thread of its own."""
        deployment = Deployment(self.endpoint, self.records, stack, self.stopping, principal)
        thread = threading.Thread(target=self._run, args=(deployment, work), name=f"stack-{stack['name']}", daemon=True)
        with self.changing:
            self._threads = {one for one in self._threads if one.is_alive()} | {thread}
            thread.start()

    def _run(self, deployment: Deployment, work: Callable[[Deployment], None]) -> None:
        try:
            work(deployment)
        except Stopped:
            log.info("stack %s goes on at the next start", deployment.stack["name"])
        except Exception as error:
            log.exception("stack %s", deployment.stack["name"])
            status = deployment.stack["status"].replace("_CLEANUP", "").replace("_COMPLETE", "")
            failed = status.replace("_IN_PROGRESS", "_FAILED")
            self.records.set_status(deployment.stack, failed, f"Internal Failure: {type(error).__name__}: {error}")

    def new_stack(self, name: str, status: str) -> Record:
        """A stack's record, not yet kept."""
        if not re.fullmatch(r"[a-zA-Z][-a-zA-Z0-9]{0,127}", name):
            raise validation_error(
                f"1 validation error detected: Value '{name}' at 'stackName' failed to satisfy constraint: Member must "
                "satisfy regular expression pattern: [a-zA-Z][-a-zA-Z0-9]*"
            )
        if self.records.find(name) is not None:
            raise ServiceError("AlreadyExistsException", f"Stack [{name}] already exists")
        return {
            "id": f"arn:aws:cloudformation:{self.endpoint.region}:{self.endpoint.account}:stack/{name}/{uuid.uuid4()}",
            "name": name,
            "status": status,
            "template": "",
            "parameters": {},
            "tags": {},
            "capabilities": [],
            "outputs": [],
        }


def bucket_and_key(url: str) -> tuple[str, str]:
    """The object that a TemplateURL names: path style, virtual-host style, on this endpoint or AWS's hosts, or s3://.

    Raises
    ------
    ServiceError
        ValidationError "TemplateURL must be a supported URL."
    """
    parts = urlsplit(url)
    path = unquote(parts.path.lstrip("/"))
    host = parts.hostname or ""
    if parts.scheme == "s3":
        bucket, key = host, path
    elif match := re.match(r"(.+)\.s3[.-]", host):
        bucket, key = match[1], path
    elif parts.scheme in ("http", "https"):
        bucket, _, key = path.partition("/")
    else:
        bucket, key = "", ""
    if not bucket or not key:
        raise validation_error("TemplateURL must be a supported URL.")
    return bucket, key


def page(items: Sequence[T], token: str | None, size: int = PAGE) -> tuple[list[T], Members]:
    """A page of a listing, and its NextToken member (if any)."""
    if token is not None and not token.isdigit():
        raise validation_error("Invalid NextToken")
    first = int(token or 0)
    rest = {"NextToken": str(first + size)} if first + size < len(items) else {}
    return list(items[first : first + size]), rest
