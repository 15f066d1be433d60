"""What a stack's status allows, and the way back to one that can be deployed to.

Source: AWS CloudFormation User Guide, "Stack status codes" and "Troubleshooting CloudFormation", 2026-11. A stack that
never stood (ROLLBACK_COMPLETE) can only be deleted; one whose roll-back failed can only go on rolling back; a change
set that was never executed leaves a stack in REVIEW_IN_PROGRESS that holds nothing.
"""

from __future__ import annotations

from collections.abc import Callable

from headwater.cloud.stacks import STANDING, OnEvent, Stacks, failure, unheard
from headwater.errors import StackError

ONLY_DELETION = frozenset({"CREATE_FAILED", "DELETE_FAILED", "ROLLBACK_FAILED"})
Say = Callable[[str], None]


def unsaid(line: str) -> None:
    """Nobody listens."""


def finish_work(stacks: Stacks, name: str, say: Say = unsaid, on_event: OnEvent = unheard) -> str | None:
    """Wait for whatever is under way on a stack, and return its status; None when there is no stack."""
    found = stacks.describe(name)
    if found is None:
        return None
    status = str(found["StackStatus"])
    if not status.endswith("_IN_PROGRESS") or status == "REVIEW_IN_PROGRESS":
        return status
    say(f"stack {name} is {status}, from an earlier command or another one: following it first")
    ended = stacks.follow(str(found["StackId"]), None, on_event).status
    return None if ended == "DELETE_COMPLETE" else ended


def make_deployable(stacks: Stacks, name: str, say: Say = unsaid, on_event: OnEvent = unheard) -> None:
    """Bring a stack to a status from which it can be deployed to.

    Raises
    ------
    StackError
        Where only a person can: which resource stands in the way, and what to do.
    """
    status = finish_work(stacks, name, say, on_event)
    if status is None or status in STANDING:
        return
    if status == "REVIEW_IN_PROGRESS":
        stacks.discard_stale(name)
    elif status == "ROLLBACK_COMPLETE":
        say(f"removing the empty stack that a failed first deploy left ({name})")
        stacks.delete(name, on_event)
    elif status == "UPDATE_ROLLBACK_FAILED":
        say(f"going on with the roll-back of {name} that failed")
        followed = stacks.continue_rollback(name, on_event)
        if followed.status != "UPDATE_ROLLBACK_COMPLETE":
            raise failure(name, followed)
    elif status in ONLY_DELETION:
        raise StackError(
            f"stack {name} is {status}{blame(stacks, name)}\n"
            "from there it can only be deleted: mend what stands in the way, then `headwater destroy`, then deploy"
        )
    else:
        raise StackError(
            f"stack {name} is {status}{blame(stacks, name)}\n"
            f"bring it back with `aws cloudformation rollback-stack --stack-name {name}`, then deploy"
        )


def blame(stacks: Stacks, name: str) -> str:
    """``: <resource>: <reason>`` of the resources that failed."""
    failed = [found for found in stacks.resources(name) if str(found["ResourceStatus"]).endswith("_FAILED")]
    return "".join(f": {one['LogicalResourceId']}: {one.get('ResourceStatusReason', 'no reason')}" for one in failed)
