"""Sessions of the roles that executions call with: the machine's, and those that Tasks name as their credentials.

The service assumes a machine's role; a Task's role is assumed by the machine's, which it has to trust and which has to
be allowed to (Developer Guide, "Accessing resources in other AWS accounts in Step Functions", read 2026-11). Sessions
are kept for some minutes: a role is not assumed once a call.
"""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Callable

from headwater.local.identity import Principal
from headwater.local.service import Endpoint, ServiceError
from headwater.local.services.states.errors import TASK_FAILED, StateFailure

MAX_SESSIONS = 1000
SESSION_S = 900.0
MAX_NAME = 64
_NOT_IN_NAMES = re.compile(r"[^\w+=,.@-]", re.ASCII)

log = logging.getLogger(__name__)


class RoleSessions:
    """The principals of executions.

    Parameters
    ----------
    endpoint:
        Where roles are looked up and assumed.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self._lock = threading.Lock()
        self._kept: dict[tuple[str, str, str], tuple[float, Principal]] = {}

    def of_machine(self, role_arn: str, machine_arn: str, execution: str) -> Principal | None:
        """The machine's role in an execution of this name; :class:`ServiceError` where it does not trust the service.

        None, the person, for a role that IAM does not know: AWS refuses to create such a machine; here it is accepted
        from tools and examples that make up a role, and there is no policy to decide by.
        """
        session = execution[:MAX_NAME]
        if found := self._found(role_arn, session, machine_arn):
            return found
        if not self._is_known(role_arn):
            log.warning("role %s does not exist: its state machine calls as the person who owns the endpoint", role_arn)
            return None
        by_machine = {"service": "states.amazonaws.com", "source_arn": machine_arn}
        return self._keep(
            (role_arn, session, machine_arn), lambda: self.endpoint.assume(role_arn, session, **by_machine).principal
        )

    def of_task(self, role_arn: str, machine_role_arn: str, machine_arn: str, execution: str) -> Principal | None:
        """A Task's role, as the machine's role assumes it; None, the person, where both are made up.

        Raises
        ------
        StateFailure
            States.TaskFailed, in AWS's words, where the machine's role may not, or there is no such role.
        """
        session = _NOT_IN_NAMES.sub("-", execution.ljust(2, "-"))[:MAX_NAME]
        if found := self._found(role_arn, session, machine_role_arn):
            return found
        machine = self.of_machine(machine_role_arn, machine_arn, execution)
        try:
            # Who made up the machine's role has none that a trust policy could name.
            if machine is None and not self._is_known(role_arn):
                log.warning("role %s does not exist either: its task calls as the person", role_arn)
                return None
            if machine is not None:
                members = {"RoleArn": role_arn, "RoleSessionName": session}
                self.endpoint.call("sts", "assume_role", principal=machine, **members)
        except ServiceError as error:
            log.info("credentials of a task refused: %s", error)
            cause = f"The role {machine_role_arn} is not authorized to assume the task state's role, {role_arn}."
            raise StateFailure(TASK_FAILED, cause) from error
        return self._keep(
            (role_arn, session, machine_role_arn), lambda: self.endpoint.assume(role_arn, session).principal
        )

    def _found(self, *key: str) -> Principal | None:
        with self._lock:
            kept = self._kept.get((key[0], key[1], key[2]))
        return kept[1] if kept is not None and kept[0] > time.monotonic() else None

    def _keep(self, key: tuple[str, str, str], assume: Callable[[], Principal]) -> Principal:
        principal = assume()
        with self._lock:
            if len(self._kept) >= MAX_SESSIONS:
                self._kept.clear()
            self._kept[key] = (time.monotonic() + SESSION_S, principal)
        return principal

    def _is_known(self, role_arn: str) -> bool:
        try:
            self.endpoint.call("iam", "get_role", RoleName=role_arn.rpartition("/")[2])
        except ServiceError as error:
            if error.code == "NoSuchEntity":
                return False
            raise
        return True
