"""The Spark properties of a job: small local data, the lake under ``s3://``, no trace outside the run's folder.

``s3://bucket/key`` is the file ``<s3 root>/bucket/key``, through Hadoop's own ViewFileSystemOverloadScheme with one
mount table a bucket. The mounts point at the scheme ``lake``, which is RawLocalFileSystem under a name of its own: it
writes no ``.crc`` side files, while ``file:`` stays the checksummed LocalFileSystem that parts of Spark insist on. Ours
(ConfinedFileSystem.java) holds each access to the role's policies besides, and refuses in S3's words.

Not faithful to AWS: a bucket that is made after the job started is not mounted; policies are those of the job's start.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import quote

from headwater.local.identity.file_rules import FileRules

S3_SCHEMES = ("s3", "s3a", "s3n")
VIEW_FS = "org.apache.hadoop.fs.viewfs.ViewFileSystemOverloadScheme"
LAKE_FS = "org.apache.hadoop.fs.RawLocalFileSystem"
LOOPBACK = frozenset({"127.0.0.1", "localhost"})
CONFINED_FS = "headwater.ConfinedFileSystem"
# What it tells of a run, in the run's folder: what was refused, and what was done.
DENIALS, USES = ".denials", ".uses"

# Small data on one machine. AQE, on by default, coalesces what shuffle partitions turn out to be empty.
FAST: dict[str, str] = {
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
    "spark.master": "local[*]",
    "spark.sql.catalogImplementation": "in-memory",
    "spark.sql.execution.arrow.pyspark.enabled": "true",
    "spark.sql.session.timeZone": "UTC",
    "spark.submit.deployMode": "client",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
}


def base_properties(folder: Path) -> dict[str, str]:
    """The properties that every context here has; ``folder`` is the JVM's own."""
    cores = os.cpu_count() or 1
    return {
        **FAST,
        "spark.local.dir": str(folder),
        "spark.sql.shuffle.partitions": str(max(2, cores * 2)),
        "spark.sql.warehouse.dir": f"file://{folder}/warehouse",
    }


def lake_properties(
    s3_root: Path, buckets: Iterable[str], rules: FileRules | None = None, told_in: Path | None = None
) -> dict[str, str]:
    """The properties that mount ``buckets`` of ``s3_root`` under ``s3://``, ``s3a://`` and ``s3n://``.

    With ``rules`` each access to the files is held to them. What is done with the files, and what is refused, is told
    in files of the folder ``told_in``.
    """
    properties = {f"spark.hadoop.fs.{scheme}.impl": VIEW_FS for scheme in S3_SCHEMES}
    properties["spark.hadoop.fs.lake.impl"] = LAKE_FS
    if rules is not None or told_in is not None:
        properties |= {"spark.hadoop.fs.lake.impl": CONFINED_FS, "spark.hadoop.fs.lake.root": str(s3_root)}
    if told_in is not None:
        properties |= {
            "spark.hadoop.fs.lake.denials": str(told_in / DENIALS),
            "spark.hadoop.fs.lake.uses": str(told_in / USES),
        }
    if rules is not None:
        properties |= {
            "spark.hadoop.fs.lake.layers": ",".join(rules.layers),
            "spark.hadoop.fs.lake.principal": rules.principal,
            "spark.hadoop.fs.lake.rules": "\n".join("\t".join(rule) for rule in rules.rules),
        }
    for bucket in buckets:  # a link is a URI: a folder's name may hold a space, "%" or "#"
        target = f"lake://{quote(os.fsencode(s3_root / bucket))}"
        properties[f"spark.hadoop.fs.viewfs.mounttable.{bucket}.linkFallback"] = target
    return properties


def cluster_properties(master: str, classes: Path, python_path: str) -> dict[str, str]:
    """The properties that send a job to a standalone cluster: the driver stays here, executors run there.

    The cluster's workers must see the lake, the endpoint's home and this Python under the same paths, as they do on one
    machine or a shared disk. The driver binds to loopback where the master is there, else to this machine's address,
    since executors must reach it.

    Parameters
    ----------
    master:
        ``spark://host:port``.
    classes:
        The folder of our own classes.
    python_path:
        What Python workers find modules on.
    """
    host = master.removeprefix("spark://").rpartition(":")[0]
    found = {
        "spark.executor.extraClassPath": str(classes),
        "spark.executorEnv.PYTHONPATH": python_path,
        "spark.master": master,
        "spark.pyspark.python": sys.executable,
    }
    if host not in LOOPBACK:
        address = _address_towards(host)
        found |= {"spark.driver.host": address, "spark.driver.bindAddress": address}
    return found


def _address_towards(host: str) -> str:
    """This machine's address on the way to another; nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect((host, 9))
        return str(probe.getsockname()[0])


def attempt_properties(attempt: int) -> dict[str, str]:
    """The properties that name a run's ``_temporary/<attempt>`` folders, so that they can be swept without guessing.

    Hadoop's FileOutputCommitter takes the number from the YARN application attempt, and 0 without YARN.
    """
    return {"spark.hadoop.mapreduce.job.application.attempt.id": str(attempt)}


def parse_conf_argument(text: str) -> dict[str, str]:
    """The properties of Glue's ``--conf`` argument: ``k=v``, or several as ``k=v --conf k2=v2``.

    Raises
    ------
    ValueError
        A piece is not ``key=value``.
    """
    properties = {}
    for piece in text.split("--conf"):
        piece = piece.strip()
        if not piece:
            continue
        key, equals, value = piece.partition("=")
        if not equals or not key.strip():
            raise ValueError(f"--conf takes key=value pairs separated by --conf, got {piece!r}")
        properties[key.strip()] = value.strip()
    return properties
