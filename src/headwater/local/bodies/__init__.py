"""Object bodies between a socket and a file: spooled, decoded, checked, copied, never whole in memory."""

from __future__ import annotations

from headwater.local.bodies.spooling import (
    BATCH_BYTES,
    DEFAULT_ALGORITHM,
    UPLOAD_PREFIX,
    FileBody,
    Spool,
    UploadBody,
    spool,
    spool_source,
)

__all__ = [
    "BATCH_BYTES",
    "DEFAULT_ALGORITHM",
    "UPLOAD_PREFIX",
    "FileBody",
    "Spool",
    "UploadBody",
    "spool",
    "spool_source",
]
