"""The embedded endpoint: its services, and the one door through which every call goes.

A call comes from the gateway (HTTP) or from a service in process; both pass :meth:`LocalEndpoint.dispatch`, where the
operation is found (ours, then moto's records, else refused by name), the principal's policies are evaluated, and the
members that an operation does not take are refused.

Blocking operations run on a pool of worker threads; ``async def`` operations run on the endpoint's event loop, so that
a long poll or a wait costs no thread.
"""

from __future__ import annotations

import asyncio
import functools
import importlib
import inspect
import logging
import os
import threading
import uuid
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from headwater.local import constraints, wire
from headwater.local.bus import Bus
from headwater.local.identity import Credentials, Identity, Principal
from headwater.local.jobs import JobSupervisor
from headwater.local.identity.authorizer import CHANGES_BUCKET_POLICY, Authorizer, Mode
from headwater.local.identity.file_rules import FileRules
from headwater.local.identity.policies import Request
from headwater.local.records import MotoRecords
from headwater.local.service import Call, Members, Service, ServiceError
from headwater.local.services import SERVICES
from headwater.local.store import Store

if TYPE_CHECKING:
    from headwater.local.engines.spark import SparkEngine

WORKERS = 64

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class EndpointSettings:
    """What an endpoint is told at its start.

    Attributes
    ----------
    home:
        The folder of its state (``.headwater``).
    port:
        The loopback port; 0 takes a free one.
    region, account:
        What ARNs and credentials say.
    person_key, person_secret:
        The key of the person's tools.
    resume_work:
        Whether to go on with what an earlier process left unfinished; off for commands that only look.
    iam:
        ``enforce``, or ``audit``: a call that a role may not make is done and noted.
    fire_schedules:
        Whether schedules fire; off for the endpoint of one command, which ends with it.
    spark_master:
        The ``spark://host:port`` of a standalone cluster that runs every Spark job; this machine alone without it.
    """

    home: Path
    port: int = 0
    region: str = "us-east-1"
    account: str = "000000000000"
    person_key: str = "test"
    person_secret: str = "test"  # nosec B107: the field's convention for local endpoints, loopback only
    resume_work: bool = True
    iam: Mode = "enforce"
    fire_schedules: bool = True
    spark_master: str | None = None

    @classmethod
    def from_environment(
        cls,
        home: Path,
        port: int = 0,
        resume_work: bool = True,
        iam: Mode = "enforce",
        fire_schedules: bool = True,
    ) -> EndpointSettings:
        """Settings with what the environment says besides.

        It may hold HEADWATER_REGION, _ACCOUNT_ID, _ACCESS_KEY_ID, _SECRET_ACCESS_KEY and _SPARK_MASTER.
        """
        return cls(
            home=home,
            port=port,
            region=os.environ.get("HEADWATER_REGION", cls.region),
            account=os.environ.get("HEADWATER_ACCOUNT_ID", cls.account),
            person_key=os.environ.get("HEADWATER_ACCESS_KEY_ID", cls.person_key),
            person_secret=os.environ.get("HEADWATER_SECRET_ACCESS_KEY", cls.person_secret),
            resume_work=resume_work,
            iam=iam,
            fire_schedules=fire_schedules,
            spark_master=os.environ.get("HEADWATER_SPARK_MASTER") or None,
        )


class LocalEndpoint:
    """One endpoint in this process. :meth:`start` opens it, :meth:`stop` closes it; the state stays in ``home``."""

    def __init__(self, settings: EndpointSettings) -> None:
        self.settings = settings
        self.home = settings.home.resolve()
        self.resume_work = settings.resume_work
        self.fires_schedules = settings.fire_schedules
        self.region = settings.region
        self.account = settings.account
        self.url = ""
        self.home.mkdir(parents=True, exist_ok=True)
        self.s3_root.mkdir(exist_ok=True)
        self.store = Store(self.home / "state.sqlite")
        self.bus = Bus()
        self.jobs = JobSupervisor(self.store, self.home)
        self.records = MotoRecords(self.store, settings.account)
        keys = (settings.person_key, settings.person_secret)
        self.identity = Identity(self.store, settings.account, *keys, self.records.user_key)
        self.authorizer = Authorizer(self, settings.iam)
        self.loop = asyncio.new_event_loop()
        self._workers = ThreadPoolExecutor(WORKERS, thread_name_prefix="worker")
        self._services: dict[str, Service] = {}
        self._thread: threading.Thread | None = None

    @property
    def s3_root(self) -> Path:
        """The folder that holds one folder a bucket."""
        return self.home / "s3"

    @functools.cached_property
    def spark(self) -> SparkEngine:
        """See :attr:`headwater.local.service.Endpoint.spark`."""
        from headwater.local.engines.spark import SparkEngine

        return SparkEngine(self.jobs, self.home / "spark", self.s3_root, self.settings.spark_master)

    # -- life ----------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Open the port, make the services, and finish or re-attach what an earlier process left."""
        from headwater.local.gateway import Gateway

        self._gateway = Gateway(self)
        sock = self._gateway.bind(self.settings.port)
        self.url = f"http://127.0.0.1:{sock.getsockname()[1]}"
        for name, where in SERVICES.items():
            module, _, attribute = where.partition(":")
            self._services[name] = getattr(importlib.import_module(module), attribute)(self)
        self._thread = threading.Thread(target=self._run_loop, name="endpoint", daemon=True)
        self._thread.start()
        self.run_on_loop(self._gateway.serve(sock))
        self.identity.forget_expired()
        for service in self._services.values():
            service.start()

    def _run_loop(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()

    def run_on_loop(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """Run a coroutine on the endpoint's loop from another thread, and wait for its result."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result()

    def stop(self) -> None:
        """Stop serving, stop the services and their jobs, close the store."""
        if self._thread is None:
            return
        # A notification's function still needs the gateway; and what ends in one service may begin work in another.
        self._end_services("drain")
        self._end_services("drain")
        self.run_on_loop(self._gateway.close())
        self._end_services("stop")
        if "spark" in self.__dict__:
            self.spark.close()
        self.jobs.close()
        self.run_on_loop(_cancel_rest())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self._thread = None
        self._workers.shutdown(wait=True, cancel_futures=True)
        self.loop.close()
        self.authorizer.uses.flush()
        self.store.close()

    def _end_services(self, step: Literal["drain", "stop"]) -> None:
        services = list(self._services.values())
        for service in services if step == "drain" else reversed(services):
            try:
                service.drain() if step == "drain" else service.stop()
            except Exception:
                log.exception("%s did not %s cleanly", service.name, step)

    # -- calls ---------------------------------------------------------------------------------------------------

    def call(
        self,
        service: str,
        operation: str,
        *,
        principal: Principal | None = None,
        idempotency_key: str | None = None,
        **members: Any,
    ) -> Members:
        """See :meth:`headwater.local.service.Endpoint.call`."""
        call = self._new_call(service, operation, principal, idempotency_key)
        handler = self.resolve(call, members)
        if inspect.iscoroutinefunction(handler):
            return self._wait_on_loop(handler(call, **members))
        result: Members = handler(call, **members)
        return result

    async def acall(
        self, service: str, operation: str, *, principal: Principal | None = None, **members: Any
    ) -> Members:
        """See :meth:`headwater.local.service.Endpoint.acall`."""
        return await self.dispatch(self._new_call(service, operation, principal), members)

    async def dispatch(self, call: Call, members: Members) -> Members:
        """Authorise and run an operation: on the loop when it is a coroutine, else on a worker thread."""
        handler = (
            await self.in_worker(self.resolve, call, members) if call.principal.is_held else self.resolve(call, members)
        )
        if inspect.iscoroutinefunction(handler):
            result: Members = await handler(call, **members)
            return result
        answer: Members = await self.in_worker(handler, call, **members)
        return answer

    async def in_worker(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Run a blocking function on a worker thread."""
        return await self.loop.run_in_executor(self._workers, lambda: function(*args, **kwargs))

    def _wait_on_loop(self, coroutine: Coroutine[Any, Any, Members]) -> Members:
        if threading.current_thread() is self._thread:
            coroutine.close()
            raise RuntimeError("a blocking call of an async operation on the event loop would wait for itself")
        result: Members = self.run_on_loop(coroutine)
        return result

    def _new_call(self, service: str, operation: str, principal: Principal | None, key: str | None = None) -> Call:
        name = wire.aws_name(service, operation)
        who = principal or self.identity.person
        return Call(service, name, who, self.region, self.account, str(uuid.uuid4()), idempotency_key=key)

    def resolve(self, call: Call, members: Members) -> Callable[..., Any]:
        """The function that computes an operation, once the principal may and the members are taken.

        Raises
        ------
        ServiceError
            UnknownOperationException (or the protocol's own code) when nothing here computes it,
            what :func:`headwater.local.constraints.check_members` raises for members that AWS refuses,
            AccessDenied when the principal's policies do not allow it.
        """
        service = self._services.get(call.service)
        name = wire.python_name(call.operation)
        if service is not None and name in service.operations():
            accepted = service.accepted_members(name)
            if accepted is not None and (unknown := set(members) - accepted):
                raise _unsupported(call, unknown)
            constraints.check_members(call.service, call.operation, members)
            self.authorizer.authorize(call, members)
            handler: Callable[..., Any] = getattr(service, name)
            if call.service == "s3" and call.operation in CHANGES_BUCKET_POLICY:
                return functools.partial(self._change_bucket, handler)
            return handler
        if self.keeps_record(call.service, call.operation):
            constraints.check_members(call.service, call.operation, members)
            self.authorizer.authorize(call, members)
            return self._call_records
        raise unknown_operation(call.service, call.operation)

    def keeps_record(self, service: str, operation: str) -> bool:
        """Whether moto answers this operation (AWS's spelling)."""
        ours = self._services.get(service)
        if ours is not None:
            return operation in ours.record_operations
        return self.records.answers(service, operation)

    def _change_bucket(self, handler: Callable[..., Any], call: Call, **members: Any) -> Members:
        answer: Members = handler(call, **members)
        self.authorizer.forget_bucket(members["Bucket"])
        return answer

    def service(self, name: str) -> Service | None:
        """The service that computes a name, or None."""
        return self._services.get(name)

    def _call_records(self, call: Call, **members: Any) -> Members:
        answer = self.records.call(call.service, call.operation, members, call.region)
        if call.service == "iam":
            self.authorizer.forget()
        return answer

    def assume(
        self,
        role_arn: str,
        session_name: str,
        *,
        service: str | None = None,
        source_arn: str | None = None,
        **session: Any,
    ) -> Credentials:
        """See :meth:`headwater.local.service.Endpoint.assume`."""
        if service is not None:
            self.authorizer.assume_as_service(role_arn, service, source_arn)
        return self.identity.assume(role_arn, session_name, **session)

    def authorize(self, call: Call, operation: str, **members: Any) -> None:
        """See :meth:`headwater.local.service.Endpoint.authorize`."""
        self.authorizer.authorize(replace(call, operation=operation), members)

    def file_rules(self, principal: Principal) -> FileRules | None:
        """See :meth:`headwater.local.service.Endpoint.file_rules`."""
        buckets = [entry.name for entry in os.scandir(self.s3_root) if entry.is_dir()]
        return self.authorizer.file_rules(principal, buckets, self.region)

    def observe(self, principal: Principal, action: str, resource: str, **context: str) -> None:
        """See :meth:`headwater.local.service.Endpoint.observe`."""
        service = action.partition(":")[0]
        keys = {f"{service}:{name}": value for name, value in context.items()}
        self.authorizer.observe(principal, Request(action, resource, keys))

    def job_environment(self, role_arn: str, session_name: str, **session: Any) -> dict[str, str]:
        """See :meth:`headwater.local.service.Endpoint.job_environment`."""
        credentials = self.assume(role_arn, session_name, **session)
        return {
            "AWS_ACCESS_KEY_ID": credentials.access_key,
            "AWS_SECRET_ACCESS_KEY": credentials.secret_key,
            "AWS_SESSION_TOKEN": credentials.token,
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_ENDPOINT_URL": self.url,
            "AWS_EC2_METADATA_DISABLED": "true",
        }


async def _cancel_rest() -> None:
    tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def unknown_operation(service: str, operation: str) -> ServiceError:
    """AWS's error for an operation that a service does not have, with what to do about it."""
    text = (
        f"Headwater does not compute {service}:{operation}, and refuses it rather than pretend. "
        "`headwater doctor --services` lists what it computes and what it keeps as records."
    )
    if service == "s3":
        return ServiceError("NotImplemented", text, 501)
    if service in ("iam", "sts", "cloudformation", "sns", "ec2", "autoscaling", "rds", "redshift"):
        return ServiceError("InvalidAction", text, 400)
    return ServiceError("UnknownOperationException", text, 400)


def _unsupported(call: Call, members: set[str]) -> ServiceError:
    listed = ", ".join(sorted(members))
    return ServiceError(
        "InvalidArgument" if call.service == "s3" else "ValidationException",
        f"{call.operation}: Headwater does not compute the parameter(s) {listed}, and refuses them rather than pretend",
    )
