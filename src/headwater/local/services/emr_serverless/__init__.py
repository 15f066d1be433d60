"""Amazon EMR Serverless: applications, and job runs on real Spark.

A job run is a PySpark script, fetched as its execution role and run by the same engine as Glue's: same file system,
same confinement, own process and JVM. ``awsglue`` is not there, as on EMR.

Not faithful to AWS: an application starts at once and holds no workers; job runs do not queue; an idle application is
seen as STOPPED when somebody looks. Hive, JARs as entry points, streaming runs, sessions, custom images and dashboards
are refused by name. There is no `totalResourceUtilization`: the workers are this machine's.
"""

from __future__ import annotations

from headwater.local.services.emr_serverless.job_runs import JobRunOperations


class EmrServerlessService(JobRunOperations):
    """The service ``emr-serverless``."""


__all__ = ["EmrServerlessService"]
