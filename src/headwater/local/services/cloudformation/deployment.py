"""A stack operation from its first event to its last: create, update, delete, and the way back when it fails.

One thread an operation. Every step is in the store before it is taken, so that a kill loses nothing: when the endpoint
starts again, a create or update that was under way is rolled back, and a roll-back, clean-up or deletion goes on
(:func:`resume_status`). A resource whose creation was cut off is deleted by the name that it was to have; its
existence cannot be known (on AWS the question does not arise: its own engine survives).

Not faithful to AWS: a resource that is being made while another fails is finished, not cancelled.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from graphlib import TopologicalSorter

from headwater.local.identity import Principal
from headwater.local.service import Endpoint, ServiceError
from headwater.local.services.cloudformation import graph
from headwater.local.services.cloudformation.dynamic import DynamicReferences
from headwater.local.services.cloudformation.records import StackRecords
from headwater.local.services.cloudformation.registry import parse_known
from headwater.local.services.cloudformation.scope import StackScope
from headwater.local.services.cloudformation.steps import StepFailed, Steps, made_or_unknown
from headwater.local.store import Record

PARALLEL = 4
INTERRUPTED = "Headwater.Interrupted: the endpoint stopped while this was under way."
ASKED = "Rollback requested by user."

log = logging.getLogger(__name__)


class Stopped(Exception):
    """The endpoint is stopping; what is under way goes on at its next start."""


class Deployment:
    """One operation on one stack.

    Parameters
    ----------
    endpoint, records:
        Where it works.
    stack:
        The stack's record, with ``operation`` (an id) and, for a create or update, ``target``: the template, parameters
        and tags that it goes to.
    stopping:
        Set when the endpoint stops.
    principal:
        Who asked; the stack's role, where it has one, acts in their place.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        records: StackRecords,
        stack: Record,
        stopping: threading.Event,
        principal: Principal | None = None,
    ) -> None:
        self.endpoint = endpoint
        self.records = records
        self.stack = stack
        self.stopping = stopping
        role = stack.get("role_arn")
        self.principal = endpoint.assume(role, "AWSCloudFormation").principal if role else principal
        self.live = records.resources(stack["id"])
        for name in [n for n, r in self.live.items() if r["status"] in ("DELETE_COMPLETE", "DELETE_SKIPPED")]:
            del self.live[name]

    # -- the three operations ------------------------------------------------------------------------------------

    def create(self) -> None:
        """Make every resource of the target; roll back when one fails."""
        failed, why = self._apply()
        if failed or why:
            reason = why or f"The following resource(s) failed to create: [{', '.join(failed)}]. "
            self._create_failed(reason)
            return
        self._finish("CREATE_COMPLETE")

    def _create_failed(self, reason: str) -> None:
        on_failure = self.stack.get("on_failure", "ROLLBACK")
        if on_failure == "DO_NOTHING":
            self._take_target()
            self.records.set_status(self.stack, "CREATE_FAILED", reason)
        elif on_failure == "DELETE":
            self.records.set_status(self.stack, "DELETE_IN_PROGRESS", reason.strip() + " Delete requested by user.")
            self._take_target()
            self.delete()
        else:
            self.records.set_status(self.stack, "ROLLBACK_IN_PROGRESS", f"{reason.strip()} {ASKED}")
            self.rollback_create()

    def update(self) -> None:
        """Bring every resource to the target; roll back when one fails; then remove what is left over."""
        failed, why = self._apply()
        if failed or why:
            reason = why or self._failures(failed)
            self.records.set_status(self.stack, "UPDATE_ROLLBACK_IN_PROGRESS", reason)
            self.rollback_update()
            return
        garbage = self._left_over()
        if not garbage:
            self.records.set_status(self.stack, "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")
            self._finish("UPDATE_COMPLETE")
            return
        with self.records.store.transaction():
            self._settle()
            self._take_target()
            self.records.set_status(self.stack, "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", garbage=garbage)
        self.clean_up("UPDATE_COMPLETE")

    def _failures(self, failed: list[str]) -> str:
        made = [name for name in failed if self.live[name]["status"] == "CREATE_FAILED"]
        changed = [name for name in failed if name not in made]
        parts = (("create", made), ("update", changed))
        return " ".join(f"The following resource(s) failed to {v}: [{', '.join(n)}]." for v, n in parts if n) + " "

    def delete(self) -> None:
        """Delete every resource, in reverse order."""
        failed = self._delete_all(retain=self.stack.get("retain", []), rolling_back=False)
        if failed:
            reason = f"The following resource(s) failed to delete: [{', '.join(failed)}]. "
            self.records.set_status(self.stack, "DELETE_FAILED", reason)
            return
        with self.records.store.transaction():
            for change_set in self.records.change_sets(self.stack["id"]):
                self.records.delete_change_set(change_set)
            self.records.set_status(self.stack, "DELETE_COMPLETE", outputs=[], imports=[])

    # -- the way back --------------------------------------------------------------------------------------------

    def rollback_create(self) -> None:
        """Delete what was made."""
        failed = self._delete_all(retain=[], rolling_back=True)
        self._take_target()
        if failed:
            reason = f"The following resource(s) failed to delete: [{', '.join(failed)}]. "
            self.records.set_status(self.stack, "ROLLBACK_FAILED", reason)
        else:
            self.records.set_status(self.stack, "ROLLBACK_COMPLETE")

    def rollback_update(self) -> None:
        """Put back what was changed, then delete what was made."""
        steps = self._steps(self.stack["tags"])
        garbage: list[Record] = list(self.stack.get("garbage", []))
        order = graph.creation_order({name: self.live[name]["depends"] for name in self.live})
        failed = []
        for name in order:
            record = self.live[name]
            if "before" not in record:
                continue
            try:
                left = steps.restore(record)
                if left:
                    garbage.append(left)
            except StepFailed:
                failed.append(name)
        if failed:
            reason = f"The following resource(s) failed to update: [{', '.join(failed)}]. "
            self.records.set_status(self.stack, "UPDATE_ROLLBACK_FAILED", reason, garbage=garbage)
            return
        for record in [r for r in self.live.values() if r["operation"] == self.stack["operation"]]:
            if made_or_unknown(record):
                policy = "Retain" if record.get("imported") else "Delete"
                garbage.append({**Steps.garbage(record, record, policy), "removed": True})
            else:
                self.records.forget_resource(self.stack, record["logical"])
                del self.live[record["logical"]]
        self.stack.pop("target", None)
        self.records.set_status(self.stack, "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", garbage=garbage)
        self.clean_up("UPDATE_ROLLBACK_COMPLETE")

    def clean_up(self, status: str) -> None:
        """Delete what an update left over; failures are shown in events and fail nothing, as on AWS."""
        steps = self._steps(self.stack["tags"])
        items = {f"{n}": item for n, item in enumerate(self.stack.get("garbage", []))}
        by_name: dict[str, set[str]] = {}
        for key, item in items.items():
            by_name.setdefault(item["logical"], set()).add(key)
        needs = {
            key: {k for name in item["depends"] for k in by_name.get(name, ()) if k != key}
            for key, item in items.items()
        }
        if graph.circular(needs):
            needs = {key: set() for key in items}
        for key in reversed(graph.creation_order(needs)):
            self._check_stopping()
            item = items.pop(key)
            steps.discard(item)
            if item.get("removed"):
                self.records.forget_resource(self.stack, item["logical"])
                self.live.pop(item["logical"], None)
            self.stack["garbage"] = list(items.values())
            self.records.put(self.stack)
        self.stack.pop("garbage", None)
        self.records.set_status(self.stack, status)

    # -- parts ---------------------------------------------------------------------------------------------------

    def _steps(self, tags: dict[str, str]) -> Steps:
        return Steps(self.records, self.stack, DynamicReferences(self.endpoint, self.principal), tags, self.live)

    def _check_stopping(self) -> None:
        if self.stopping.is_set():
            raise Stopped

    def _apply(self) -> tuple[list[str], str]:
        """Go to the target: the resources that failed, and what else went wrong."""
        target = self.stack["target"]
        try:
            template = parse_known(target["template"])
            scope = StackScope(
                self.endpoint, self.records, self.stack, template, target["parameters"], self.live, self.principal
            )
            needs = graph.dependencies(template, scope.active)
        except ServiceError as error:
            return [], error.message
        steps = self._steps(target["tags"])
        failed = self._in_order(
            needs, lambda name: steps.apply(template.resources[name], sorted(needs[name]), scope.resolver)
        )
        if failed:
            return failed, ""
        try:
            outputs = scope.outputs()
            self._check_exports(outputs)
        except ServiceError as error:
            return [], error.message
        target.update(outputs=outputs, imports=sorted(scope.imported), active=scope.active)
        return [], ""

    def _in_order(self, needs: graph.Dependencies, step: Callable[[str], None]) -> list[str]:
        """Take a step a resource, each after what it needs, some at a time; stops at the first failure."""
        sorter = TopologicalSorter(needs)
        sorter.prepare()
        running: dict[Future[None], str] = {}
        failed: list[str] = []
        with ThreadPoolExecutor(PARALLEL, thread_name_prefix="stack-resource") as pool:
            while sorter.is_active() or running:
                if not failed and not self.stopping.is_set():
                    for name in sorter.get_ready():
                        running[pool.submit(step, name)] = name
                if not running:
                    break
                done, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    name = running.pop(future)
                    try:
                        future.result()
                        sorter.done(name)
                    except StepFailed:
                        failed.append(name)
        self._check_stopping()
        return sorted(failed)

    def _check_exports(self, outputs: Iterable[Record]) -> None:
        new = {o["ExportName"]: o["OutputValue"] for o in outputs if "ExportName" in o}
        for name, _, owner in self.records.exports():
            if name in new and owner != self.stack["id"]:
                holder = self.records.need(owner)["name"]
                raise ServiceError(
                    "ValidationError", f"Export with name {name} is already exported by stack {holder}. "
                )
        for output in self.stack.get("outputs", []):
            name = output.get("ExportName")
            if name and new.get(name) != output["OutputValue"]:
                if users := self.records.importers(name, but=self.stack["id"]):
                    text = f"Export {name} cannot be updated as it is in use by {', '.join(users)}"
                    raise ServiceError("ValidationError", text)

    def _left_over(self) -> list[Record]:
        """What the update no longer needs: the replaced, and what is not in the template any more."""
        active = set(self.stack["target"]["active"])
        garbage = []
        for record in self.live.values():
            if record["logical"] not in active:
                policy = "Delete" if record["deletion_policy"] == "Delete" else "Retain"
                garbage.append({**Steps.garbage(record, record, policy), "removed": True})
            elif record.get("replaced"):
                policy = record["before"].get("replace_policy", "Delete")
                garbage.append(Steps.garbage(record, record["before"], policy))
        return garbage

    def _settle(self) -> None:
        """Forget what the resources were before."""
        for record in self.live.values():
            if record.pop("before", None) is not None:
                record.pop("replaced", None)
                self.records.save_resource(self.stack, record)

    def _take_target(self) -> None:
        target = self.stack.pop("target", None)
        if target:
            for name in ("active", "importing"):
                target.pop(name, None)
            self.stack.update(target)

    def _finish(self, status: str) -> None:
        with self.records.store.transaction():
            self._settle()
            self._take_target()
            self.records.set_status(self.stack, status)

    def _delete_all(self, retain: list[str], rolling_back: bool) -> list[str]:
        """Delete the live resources in reverse order; what a failed one needs is left alone."""
        steps = self._steps(self.stack["tags"])
        kept: set[str] = set()
        failed = []
        needs = {name: set(record["depends"]) & set(self.live) for name, record in self.live.items()}
        for name in reversed(graph.creation_order(needs)):
            self._check_stopping()
            record = self.live[name]
            if name in kept:
                kept |= needs[name]
                continue
            policies = ("Retain",) if rolling_back else ("Retain", "RetainExceptOnCreate")
            kept_by_policy = record["deletion_policy"] in policies and record["exists"]
            keep = name in retain or kept_by_policy or bool(rolling_back and record.get("imported"))
            try:
                steps.delete(record, keep)
            except StepFailed:
                failed.append(name)
                kept |= needs[name]
        return sorted(failed)


def resume_status(deployment: Deployment) -> None:
    """Go on with an operation that a kill or a stop cut off: forwards where nothing can be lost, else back."""
    stack, records = deployment.stack, deployment.records
    status = stack["status"]
    if status == "CREATE_IN_PROGRESS":
        records.set_status(stack, "ROLLBACK_IN_PROGRESS", f"{INTERRUPTED} {ASKED}")
        deployment.rollback_create()
    elif status == "ROLLBACK_IN_PROGRESS":
        deployment.rollback_create()
    elif status == "UPDATE_IN_PROGRESS":
        records.set_status(stack, "UPDATE_ROLLBACK_IN_PROGRESS", INTERRUPTED)
        deployment.rollback_update()
    elif status == "UPDATE_ROLLBACK_IN_PROGRESS":
        deployment.rollback_update()
    elif status == "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS":
        deployment.clean_up("UPDATE_COMPLETE")
    elif status == "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS":
        deployment.clean_up("UPDATE_ROLLBACK_COMPLETE")
    elif status == "DELETE_IN_PROGRESS":
        deployment.delete()
