"""The contract between the gateway and a service.

A service is a class, an operation is a method named as in boto3 and marked with ``@operation``. The method takes the
:class:`Call` first and the request's members as keyword arguments, spelled as AWS spells them, and returns the
response's members as a dict. AWS errors are raised as :class:`ServiceError` with the modelled code.

A member that a client sends and the method does not take is refused by name: ignoring it would be a fake success.
A method that keeps whole definitions takes ``**members``.

Services never import one another. They call through :meth:`Endpoint.call`, as a client would, so that identity and
logging hold everywhere, and they meet on the :class:`~headwater.local.bus.Bus` for what ends later.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeVar

if TYPE_CHECKING:
    from headwater.local.identity.file_rules import FileRules
    from headwater.local.bus import Bus
    from headwater.local.engines.spark import SparkEngine
    from headwater.local.identity import Credentials, Identity, Principal
    from headwater.local.jobs import JobSupervisor
    from headwater.local.store import Store

Members = dict[str, Any]
F = TypeVar("F", bound=Callable[..., Any])


class ServiceError(Exception):
    """An error that AWS would answer.

    Parameters
    ----------
    code:
        AWS's error code, as botocore shows it in ``err.response["Error"]["Code"]``.
    message:
        AWS's text where it is known, else where, what, expected and got.
    status:
        The HTTP status; where the service's model gives one for the code, the model wins.
    members:
        Further modelled members of the error.
    """

    def __init__(self, code: str, message: str, status: int = 400, **members: Any) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status
        self.members = members


@dataclass(frozen=True)
class Call:
    """Who asks, and where: what an operation knows of its request beside the members.

    ``idempotency_key`` comes from callers in process only: a start with the key of an earlier one answers that one.
    """

    service: str
    operation: str
    principal: Principal
    region: str
    account: str
    request_id: str
    headers: Mapping[str, str] = field(default_factory=dict)
    host: str = ""
    idempotency_key: str | None = None


class Endpoint(Protocol):
    """What a service sees of the endpoint that holds it."""

    home: Path
    url: str
    region: str
    account: str
    store: Store
    identity: Identity
    bus: Bus
    jobs: JobSupervisor
    resume_work: bool
    """Whether executions that an earlier process left unfinished go on; off for commands that only look."""
    fires_schedules: bool
    """Whether what is due by a schedule is done; off for the endpoint of one command."""

    @property
    def s3_root(self) -> Path:
        """The folder that holds one folder a bucket."""
        ...

    @property
    def spark(self) -> SparkEngine:
        """What runs Spark scripts, of every service: one pool of JVMs."""
        ...

    def call(
        self,
        service: str,
        operation: str,
        *,
        principal: Principal | None = None,
        idempotency_key: str | None = None,
        **members: Any,
    ) -> Members:
        """Call an operation in process, as ``principal`` (the endpoint itself when None).

        ``operation`` is boto3's method name (``"start_job_run"``). ``idempotency_key`` lets a caller that may have been
        killed before it kept the answer ask again without starting a second job, where AWS has no token for that.
        Blocks; raises :class:`ServiceError`.
        """
        ...

    async def acall(
        self, service: str, operation: str, *, principal: Principal | None = None, **members: Any
    ) -> Members:
        """The same for code on the event loop: blocking operations run on the worker threads."""
        ...

    def assume(
        self,
        role_arn: str,
        session_name: str,
        *,
        service: str | None = None,
        source_arn: str | None = None,
        **session: Any,
    ) -> Credentials:
        """Session credentials of a role, for a job, function or execution that runs as it.

        ``service`` is the principal of the service that is to work as the role (``glue.amazonaws.com``): raises
        :class:`ServiceError` (AccessDenied) unless the role trusts it. Without it nobody's right to is asked.
        ``source_arn`` is what the service acts for, of those that tell IAM (``aws:SourceArn``): Step Functions the
        machine, Scheduler the schedule's group, SageMaker the job, EMR Serverless the application.
        ``session`` limits or marks the session (see :meth:`headwater.local.identity.Identity.assume`).
        """
        ...

    def authorize(self, call: Call, operation: str, **members: Any) -> None:
        """Raise :class:`ServiceError` (AccessDenied) unless the caller may do another operation, too."""
        ...

    def file_rules(self, principal: Principal) -> FileRules | None:
        """What a job may do with the lake's files where it opens them itself; None where nothing holds it."""
        ...

    def observe(self, principal: Principal, action: str, resource: str, **context: str) -> None:
        """Count what a job did with the lake's files without a call, by its role's policies; a denial is only noted.

        ``context`` holds condition keys, without their service: ``prefix="raw/"`` for `s3:prefix`.
        """
        ...

    def job_environment(self, role_arn: str, session_name: str, **session: Any) -> dict[str, str]:
        """The AWS_* variables (keys, token, region, endpoint) that make a job call as its role; see `assume`."""
        ...


def operation(method: F) -> F:
    """Mark a method of a :class:`Service` as an operation that the endpoint computes."""
    method.__headwater_operation__ = True  # type: ignore[attr-defined]
    return method


class Service:
    """The base of every service that Headwater computes itself.

    Class attributes
    ----------------
    name:
        botocore's service name, such as ``"glue"``.
    record_operations:
        Operations of this service, in AWS's spelling, that only keep records and are answered by moto.
    """

    name: ClassVar[str]
    record_operations: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self.store = endpoint.store

    def start(self) -> None:
        """Called once when every service exists: finish or re-attach what an earlier process left."""

    def drain(self) -> None:
        """Called before the endpoint stops, while it still serves: let short work under way end, within a limit."""

    def stop(self) -> None:
        """Called when the endpoint stops: end what this service started."""

    @classmethod
    @functools.cache
    def operations(cls) -> dict[str, Callable[..., Any]]:
        """The computed operations by boto3's method name."""
        return {
            name: member
            for name, member in inspect.getmembers(cls, inspect.isfunction)
            if getattr(member, "__headwater_operation__", False)
        }

    @classmethod
    @functools.cache
    def accepted_members(cls, name: str) -> frozenset[str] | None:
        """The member names that an operation takes, or None when it takes all of them."""
        parameters = inspect.signature(cls.operations()[name]).parameters.values()
        if any(p.kind is p.VAR_KEYWORD for p in parameters):
            return None
        return frozenset(p.name for p in list(parameters)[2:])
