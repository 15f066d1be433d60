"""Copies of files and stretches of files, in the kernel where it can.

A reflink shares the blocks and copies nothing; ``copy_file_range`` copies without passing through this process. Never
a hard link: a tool that rewrites a file in place would change both objects.
"""

from __future__ import annotations

import errno
import os
import sys

PIECE_BYTES = 64 << 20
FICLONE = 0x40049409
_NOT_HERE = (errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EBADF, errno.ENOTTY, errno.EPERM)


def clone(source: int, target: int) -> bool:
    """Make the open file ``target`` share the blocks of ``source``; False where the file system cannot."""
    if sys.platform != "linux":
        return False
    import fcntl

    try:
        fcntl.ioctl(target, FICLONE, source)
    except OSError:
        return False
    return True


def append(source: int, offset: int, length: int, target: int) -> None:
    """Append ``length`` bytes of one open file, from ``offset``, at the position of another.

    Raises OSError when the source ends before.
    """
    while length > 0:
        copied = _append_some(source, offset, min(length, PIECE_BYTES), target)
        if copied == 0:
            raise OSError(f"the source ended at byte {offset}, {length} bytes short")
        offset, length = offset + copied, length - copied


def _append_some(source: int, offset: int, length: int, target: int) -> int:
    if sys.platform == "linux":
        try:
            return os.copy_file_range(source, target, length, offset)
        except OSError as error:
            if error.errno not in _NOT_HERE:
                raise
    data = os.pread(source, min(length, 1 << 20), offset)
    view = memoryview(data)
    while view:
        view = view[os.write(target, view) :]
    return len(data)
