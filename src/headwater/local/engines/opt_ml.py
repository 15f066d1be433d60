"""Enter a mount namespace in which /opt/ml is a given folder, then become a command.

Run as a script: ``python -I -S opt_ml.py <folder> <working directory> <command> [argument …]``. It imports nothing of
Headwater and calls the kernel directly: 40 ms with the interpreter's start, no need of the unshare, mount and sh
programs, and the job keeps the process id, so that its signals and its end are those of the command.

The user keeps its own id in the namespace. Where /opt/ml does not exist, a tmpfs over /opt gives it a mount point, and
what /opt held is bound back; the machine's own /opt is not touched.

Exit code 125 (as ``docker run`` when it, not the command, failed) and one line on standard error say what the system
refused.
"""

from __future__ import annotations

import ctypes
import os
import sys
import tempfile

CLONE_NEWNS, CLONE_NEWUSER = 0x00020000, 0x10000000
MS_BIND, MS_REC, MS_PRIVATE, MS_NOSUID, MS_NODEV = 4096, 16384, 1 << 18, 2, 4
MNT_DETACH = 2

OPT, OPT_ML = "/opt", "/opt/ml"
REFUSED = 125


class Refused(OSError):
    """The system does not let this process make the namespace."""


def _call(name: str, *arguments: object) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    values = [os.fsencode(a) if isinstance(a, str) else a for a in arguments]
    if getattr(libc, name)(*values) != 0:
        number = ctypes.get_errno()
        raise Refused(number, f"{name}({', '.join(map(repr, arguments))}): {os.strerror(number)}")


def mount(source: str, target: str, kind: str | None, flags: int) -> None:
    """``mount(2)``."""
    _call("mount", source, target, kind, ctypes.c_ulong(flags), None)


def new_namespaces() -> None:
    """New user and mount namespaces, in which nothing that is mounted reaches the rest of the system."""
    uid, gid = os.getuid(), os.getgid()
    _call("unshare", ctypes.c_int(CLONE_NEWUSER | CLONE_NEWNS))
    for name, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
        with open(f"/proc/self/{name}", "w", encoding="ascii") as file:
            file.write(text)
    mount("none", "/", None, MS_REC | MS_PRIVATE)


def make_mount_point() -> None:
    """A tmpfs over /opt that holds what /opt held and an empty ``ml``."""
    if not os.path.isdir(OPT):
        raise Refused(2, "/opt does not exist: make it once with `sudo mkdir -p /opt/ml`")
    held = tempfile.mkdtemp(prefix="headwater-opt-")
    mount(OPT, held, None, MS_BIND | MS_REC)
    mount("none", OPT, "tmpfs", MS_NOSUID | MS_NODEV)
    try:
        for name in os.listdir(held):
            _bind_back(os.path.join(held, name), os.path.join(OPT, name))
        os.mkdir(OPT_ML)
    finally:
        _call("umount2", held, ctypes.c_int(MNT_DETACH))
        os.rmdir(held)


def _bind_back(source: str, target: str) -> None:
    if os.path.islink(source):
        os.symlink(os.readlink(source), target)
        return
    if os.path.isdir(source):
        os.mkdir(target)
    else:
        os.close(os.open(target, os.O_CREAT | os.O_WRONLY, 0o600))
    mount(source, target, None, MS_BIND | MS_REC)


def enter(folder: str) -> None:
    """Make ``folder`` this process's /opt/ml."""
    new_namespaces()
    # The folder may lie below /opt, so it is held open while /opt is covered.
    descriptor = os.open(folder, os.O_PATH | os.O_DIRECTORY)
    if not os.path.isdir(OPT_ML):
        make_mount_point()
    mount(f"/proc/self/fd/{descriptor}", OPT_ML, None, MS_BIND | MS_REC)
    os.close(descriptor)


def main(folder: str, directory: str, command: list[str]) -> None:
    """Enter, then become ``command`` in ``directory``, a path of the inside."""
    try:
        enter(folder)
        os.chdir(directory)
    except OSError as error:
        sys.stderr.write(f"Headwater.NoMountNamespace: /opt/ml could not be made: {error}\n")
        sys.exit(REFUSED)
    try:
        os.execvp(command[0], command)  # nosec B606: the job's own command, no shell
    except OSError as error:
        sys.stderr.write(f"{command[0]}: {error.strerror}\n")
        sys.exit(127 if isinstance(error, FileNotFoundError) else 126)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
