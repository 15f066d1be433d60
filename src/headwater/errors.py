"""Every error that Headwater raises itself, in one tree.

::

    HeadwaterError                       exit code
    ├─ DeclarationError                  3   mistakes in workflow.py, all of them at once
    ├─ WorkflowLoadError                 3   workflow.py is missing, does not import, or holds no workflow
    ├─ PlanError                         4   a sound declaration that no template can hold
    │   └─ BudgetError                   4   a plan whose estimated cost is above its budget
    ├─ CloudError                        5   a call to AWS or to the endpoint was refused; carries AWS's code
    │   ├─ CredentialsError              5   no credentials, or expired ones
    │   ├─ EndpointError                 5   the endpoint is not up, or does not answer
    │   ├─ NotDeployedError              5   the stack, or a part of it, does not exist
    │   └─ StackError                    5   CloudFormation rolled back; carries the events
    ├─ RunFailedError                    6   an execution ended in anything but SUCCEEDED
    ├─ LakeHeldError                     7   another run holds the lake
    ├─ TransferError                     8   an object could not be put, got, or verified
    └─ UsageError                        2   arguments that contradict one another

Each message says where, what, expected and got, and the next step. ``exit_code`` is the command line's exit code.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar


class HeadwaterError(Exception):
    """The root: catch it to catch all that Headwater raises itself."""

    exit_code: ClassVar[int] = 1


@dataclass(frozen=True, order=True)
class Mistake:
    """One mistake in a declaration.

    Parameters
    ----------
    file, line:
        Where the call stands; ``line`` is 0 where no line is known.
    message:
        What is wrong, what was expected, and how to mend it.
    """

    file: str
    line: int
    message: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file
        return f"{where}: {self.message}"


class DeclarationError(HeadwaterError):
    """All the mistakes of a declaration, in the order of their lines."""

    exit_code = 3

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        self.mistakes = tuple(sorted(mistakes))
        count = len(self.mistakes)
        head = f"{count} mistake{'' if count == 1 else 's'} in the declaration"
        super().__init__("\n".join([f"{head}:", *(f"  {mistake}" for mistake in self.mistakes)]))


class WorkflowLoadError(HeadwaterError):
    """workflow.py is missing, does not import, or holds no workflow."""

    exit_code = 3


class PlanError(HeadwaterError):
    """A sound declaration that no template can hold, as for an AWS quota."""

    exit_code = 4


class BudgetError(PlanError):
    """A plan whose estimated cost on AWS is above its budget: nothing was deployed."""


class CloudError(HeadwaterError):
    """A call that AWS or the endpoint refused.

    Parameters
    ----------
    message:
        AWS's own text, with what was being done.
    code:
        AWS's error code, as in ``err.response["Error"]["Code"]``; empty where there is none.
    operation:
        The service and operation, as ``glue:StartJobRun``.
    """

    exit_code = 5

    def __init__(self, message: str, code: str = "", operation: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.operation = operation


class CredentialsError(CloudError):
    """No credentials, or expired ones."""


class EndpointError(CloudError):
    """The embedded endpoint is not up, or does not answer."""


class NotDeployedError(CloudError):
    """The stack, or a part of it, does not exist."""


class StackError(CloudError):
    """CloudFormation failed or rolled back.

    Parameters
    ----------
    events:
        The failed resources: logical id and CloudFormation's reason, oldest first.
    """

    def __init__(self, message: str, code: str = "", events: Sequence[tuple[str, str]] = ()) -> None:
        super().__init__(message, code, "cloudformation")
        self.events = tuple(events)


class RunFailedError(HeadwaterError):
    """An execution that ended in anything but SUCCEEDED.

    Parameters
    ----------
    status:
        FAILED, TIMED_OUT or ABORTED.
    error, cause:
        The execution's own error and cause.
    stage:
        The stage that failed; empty where none did.
    """

    exit_code = 6

    def __init__(self, message: str, status: str, error: str = "", cause: str = "", stage: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.error = error
        self.cause = cause
        self.stage = stage


class LakeHeldError(HeadwaterError):
    """Another run holds the lake; the message says which."""

    exit_code = 7


class TransferError(HeadwaterError):
    """An object could not be put, got, or verified."""

    exit_code = 8


class UsageError(HeadwaterError):
    """Arguments that contradict one another."""

    exit_code = 2
