"""Auto-termination policies: a cluster that waits too long for a step ends.

The moment since which a cluster waits is in its record: a new endpoint goes on counting. A cluster with termination
protection goes on waiting, as on AWS, where protection overrides automatic termination.

Not faithful to AWS: a cluster is idle while it is WAITING; what else keeps one busy there (notebooks, user interfaces,
HDFS, the file ``isbusy``) is not here. A policy that is put counts from then. AWS does not document the code of the
state change; it is USER_REQUEST here, with a message that names the policy.

Source: Amazon EMR API reference, AutoTerminationPolicy; Management Guide, "Using an auto-termination policy" (2026-11).
"""

from __future__ import annotations

import time

from headwater.local.schedules import SystemClock, Waker
from headwater.local.service import Call, Endpoint, Members, operation
from headwater.local.services.emr.idle_policy import checked_policy
from headwater.local.services.emr.records import CLUSTER
from headwater.local.services.emr.steps import StepOperations


class IdleOperations(StepOperations):
    """The operations on auto-termination policies, and the clock that ends clusters."""

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(endpoint)
        self._waker = Waker("emr-idle", self.end_idle, SystemClock())

    def start(self) -> None:
        """Go on counting for the clusters that wait."""
        super().start()
        if self.endpoint.resume_work:
            self._waker.start()

    def stop(self) -> None:
        """Count no longer; the next start goes on."""
        self._waker.close()
        super().stop()

    def set_state(self, id: str, state: str, code: str | None = None, message: str = "") -> None:
        """Set a cluster's state, and since when it waits."""
        if state == "WAITING":
            self.change_cluster(id, _idle_since=time.time())
        super().set_state(id, state, code, message)
        self._waker.wake()

    @operation
    def put_auto_termination_policy(
        self, call: Call, ClusterId: str, AutoTerminationPolicy: Members | None = None
    ) -> Members:
        """End a cluster when it has waited for IdleTimeout seconds."""
        policy = checked_policy(AutoTerminationPolicy)
        with self._lock:
            self.modifiable(ClusterId)
            self.change_cluster(ClusterId, _idle=policy, _idle_put=time.time())
        self._waker.wake()
        return {}

    @operation
    def get_auto_termination_policy(self, call: Call, ClusterId: str) -> Members:
        """A cluster's policy; without one the answer is empty."""
        policy = self.cluster(ClusterId).get("_idle")
        return {"AutoTerminationPolicy": policy} if policy else {}

    @operation
    def remove_auto_termination_policy(self, call: Call, ClusterId: str) -> Members:
        """Let a cluster wait for ever."""
        with self._lock:
            self.change_cluster(ClusterId, _idle=None)
        return {}

    def end_idle(self, now: float) -> float | None:
        """End what has waited too long; when to look again."""
        due = [moment for id, _ in self.store.scan(CLUSTER) if (moment := self._end_if_due(id, now)) is not None]
        return min(due, default=None)

    def _end_if_due(self, id: str, now: float) -> float | None:
        with self._lock:
            cluster = self.cluster(id)
            policy = cluster.get("_idle")
            if not policy or cluster["_state"] != "WAITING" or cluster["TerminationProtected"]:
                return None
            timeout_s = int(policy["IdleTimeout"])
            due = max(float(cluster["_idle_since"]), float(cluster.get("_idle_put") or 0)) + timeout_s
            if due > now:
                return due
            text = f"Terminated by its auto-termination policy after {timeout_s} s idle"
            self._terminate(id, "TERMINATED", "USER_REQUEST", text)
            return None

    def set_protection(self, id: str, protected: bool) -> None:
        """Hold a cluster, or no longer: then it may be due."""
        super().set_protection(id, protected)
        self._waker.wake()
