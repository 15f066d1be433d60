"""``Job``: the frame of a Glue script, and where its bookmark is read and kept."""

from __future__ import annotations

from typing import Any

from awsglue import _bookmark


class Job:
    """``Job(glueContext)``; ``init`` reads the bookmark, ``commit`` writes it.

    Without ``init`` a script runs and its bookmark is not used, as on AWS.
    """

    def __init__(self, glue_context_or_spark_session: Any) -> None:
        self._context = glue_context_or_spark_session
        self._initialized = False

    @classmethod
    def continuation_options(cls) -> list[str]:
        """The values of ``--continuation-option``."""
        return ["continuation-enabled", "continuation-readonly", "continuation-ignore"]

    @classmethod
    def job_bookmark_options(cls) -> list[str]:
        """The values of ``--job-bookmark-option``."""
        return ["job-bookmark-enable", "job-bookmark-pause", "job-bookmark-disable"]

    @classmethod
    def job_bookmark_range_options(cls) -> list[str]:
        """The arguments that give a paused bookmark its range."""
        return ["--job-bookmark-from", "--job-bookmark-to"]

    @classmethod
    def id_params(cls) -> list[str]:
        """The arguments that Glue itself adds."""
        return ["--JOB_ID", "--JOB_RUN_ID", "--SECURITY_CONFIGURATION"]

    @classmethod
    def encryption_type_options(cls) -> list[str]:
        """The values of ``--encryption-type``."""
        return ["sse-s3"]

    @classmethod
    def data_lineage_options(cls) -> list[str]:
        """The argument for data lineage."""
        return ["--enable-data-lineage"]

    def init(self, job_name: str, args: dict[str, Any] = {}) -> None:
        """Begin: read the bookmark. Beginning twice changes nothing."""
        if not self._initialized:
            _bookmark.begin(str(args.get("job_bookmark_option") or "job-bookmark-disable"))
            self._initialized = True

    def isInitialized(self) -> bool:
        """Whether ``init`` was called."""
        return self._initialized

    def commit(self) -> None:
        """Keep what was read as read; the endpoint saves it when the run succeeds."""
        _bookmark.commit()
