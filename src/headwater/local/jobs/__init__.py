"""Supervised processes: what Glue, SageMaker and Lambda run.

:mod:`supervisor` starts, limits and ends jobs; :mod:`logs` takes their lines to CloudWatch Logs; :mod:`processes` reads
their memory and members; :mod:`guard` outlives the endpoint just long enough to end what it left.
"""

from __future__ import annotations

from headwater.local.jobs.supervisor import Job, JobExit, JobSpec, JobSupervisor

__all__ = ["Job", "JobExit", "JobSpec", "JobSupervisor"]
