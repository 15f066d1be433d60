"""Amazon S3 over plain files: ``<home>/s3/<bucket>/<key>`` is the object.

Spark, DuckDB and pandas read and write these folders directly; the API sees at once what they did. Beside the files,
SQLite keeps what has no place in one (see :mod:`.objects`), and :mod:`.keys` says how keys become paths.

Not faithful to AWS: no versions, no object lock, no ACLs beyond the owner's, no SSE-C, no S3 Select, no archive
classes; each is refused by name. Bucket configurations are stored and given back, and not acted upon.
"""

from __future__ import annotations

import shutil
from typing import ClassVar

from headwater.local.bodies import UPLOAD_PREFIX
from headwater.local.service import Endpoint
from headwater.local.services.s3 import multipart
from headwater.local.services.s3.configurations import ConfigurationOperations
from headwater.local.services.s3.listing import ListingOperations
from headwater.local.services.s3.multipart import MultipartOperations
from headwater.local.services.s3.objects import ObjectStore
from headwater.local.services.s3.tree import Tree

__all__ = ["S3Service"]


class S3Service(MultipartOperations, ListingOperations, ConfigurationOperations):
    """S3, as botocore's service ``s3``."""

    name: ClassVar[str] = "s3"

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(endpoint)
        endpoint.s3_root.mkdir(parents=True, exist_ok=True)
        self.tmp.mkdir(exist_ok=True)
        self.store.schema(multipart.SCHEMA)
        self.objects = ObjectStore(self.store, endpoint.s3_root)
        self.tree = Tree()
        for left in self.tmp.glob(f"{UPLOAD_PREFIX}*"):
            left.unlink(missing_ok=True)  # bodies of requests that a kill cut off
        for left in self.tmp.glob("bucket-*"):
            shutil.rmtree(left, ignore_errors=True)
