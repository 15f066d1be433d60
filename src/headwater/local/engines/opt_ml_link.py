"""One /opt/ml for all, by turns: where a system gives jobs no mount namespace of their own.

Once, the machine's owner makes ``/opt/ml`` a link to a link in the home folder (:func:`remedy` says how). From then on
that second link is turned to the folder of the job that runs, one job at a time: the next waits. A file lock keeps
several endpoints of a user apart, and is released by the system when an endpoint is killed.
"""

from __future__ import annotations

import fcntl
import os
import threading
from pathlib import Path

TURNED = ".headwater-opt-ml"

_turn = threading.Lock()


def remedy() -> str:
    """The one-time command that makes the link."""
    return f"sudo mkdir -p /opt && sudo ln -s {Path.home() / TURNED} /opt/ml"


class OptMlLink:
    """The link of this machine.

    Parameters
    ----------
    path:
        ``/opt/ml``.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock_file: int | None = None

    @property
    def usable(self) -> bool:
        """Whether ``path`` is a link to a link, or to nothing yet, in a folder that this user may write."""
        if not self.path.is_symlink():
            return False
        turned = Path(os.readlink(self.path))
        free = turned.is_symlink() or not turned.exists()
        return turned.is_absolute() and free and os.access(turned.parent, os.W_OK)

    def take(self, folder: Path) -> None:
        """Wait for the turn and point ``path`` at ``folder``."""
        turned = Path(os.readlink(self.path))
        _turn.acquire()
        try:
            self._lock_file = os.open(f"{turned}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._lock_file, fcntl.LOCK_EX)
            draft = turned.with_name(f"{turned.name}.{os.getpid()}")
            draft.unlink(missing_ok=True)
            draft.symlink_to(folder)
            draft.replace(turned)
        except BaseException:
            self.give_back()
            raise

    def give_back(self) -> None:
        """Let the next job have it."""
        if self._lock_file is not None:
            os.close(self._lock_file)
            self._lock_file = None
        _turn.release()
