"""Job bookmarks: what a job has already read, kept by the endpoint.

A run gets the job's bookmark as a file when it starts; ``job.commit()`` writes the new one beside it; when the run
succeeds, the endpoint keeps it, in one transaction. The text is JSON: for each transformation_ctx the files that were
read, with their modification times (see ``shims/awsglue/bookmark.py``).

Not faithful to AWS: AWS saves at ``job.commit()`` itself, here a run that fails after its commit saves nothing; files
are tracked one by one, where AWS goes by time beyond the last 15 minutes.
"""

from __future__ import annotations

import json
from pathlib import Path

from headwater.local.service import Call, Members, ServiceError, operation
from headwater.local.engines.script_role import RunFailed
from headwater.local.services.glue.jobs import JobOperations

BOOKMARK = "glue.bookmark"
HISTORY = "glue.bookmark-of-run"
BOOKMARK_IN = ".bookmark-in.json"
BOOKMARK_OUT = ".bookmark-out.json"
OPTION = "--job-bookmark-option"
OPTIONS = ("job-bookmark-enable", "job-bookmark-pause", "job-bookmark-disable")
EMPTY = '{"version": 1, "contexts": {}}'


class BookmarkOperations(JobOperations):
    """GetJobBookmark, ResetJobBookmark, and what runs need of bookmarks."""

    @operation
    def get_job_bookmark(self, call: Call, JobName: str, RunId: str | None = None) -> Members:
        """A job's bookmark; with ``RunId`` the one that this run left."""
        entry = self._bookmark(JobName, RunId)
        if entry is None:
            raise ServiceError("EntityNotFoundException", f"Continuation for job {JobName} not found")
        return {"JobBookmarkEntry": entry}

    @operation
    def reset_job_bookmark(self, call: Call, JobName: str, RunId: str | None = None) -> Members:
        """Forget what a job has read, or go back to where ``RunId`` left it."""
        with self.store.transaction():
            now = self._bookmark(JobName, None)
            if now is None:
                raise ServiceError("EntityNotFoundException", f"Continuation for job {JobName} not found")
            entry: Members = {"JobName": JobName, "Version": 0, "Run": 0, "Attempt": 0, "JobBookmark": EMPTY}
            if RunId is not None:
                kept = self._bookmark(JobName, RunId)
                if kept is None:
                    raise ServiceError("EntityNotFoundException", f"Run {RunId} of job {JobName} left no bookmark")
                entry = {**kept, "Version": now["Version"] + 1}
            self.store.put(BOOKMARK, JobName, entry)
        return {"JobBookmarkEntry": entry}

    def job_deleted(self, name: str) -> None:
        """A job takes its bookmark with it."""
        super().job_deleted(name)
        self.store.delete(BOOKMARK, name)
        for key, _ in self.store.scan(HISTORY, prefix=f"{name}\x1f"):
            self.store.delete(HISTORY, key)

    def bookmark_for_run(self, record: Members, merged: dict[str, str]) -> str | None:
        """The file that a run gets, or None when its bookmark is disabled; :class:`RunFailed` for a wrong option."""
        option = merged.get(OPTION) or "job-bookmark-disable"
        if option not in OPTIONS:
            raise RunFailed(f"InvalidArgument: {OPTION} is {option!r}, and is one of {', '.join(OPTIONS)}")
        if option == "job-bookmark-disable":
            return None
        entry = self._bookmark(record["JobName"], None)
        given: Members = {"version": entry["Version"] if entry else 0, "option": option.removeprefix("job-bookmark-")}
        since, until = merged.get("--job-bookmark-from"), merged.get("--job-bookmark-to")
        if option == "job-bookmark-pause" and since and until:
            given["state"] = json.loads(self._state_after(record["JobName"], since))
            given["until"] = json.loads(self._state_after(record["JobName"], until))
        else:
            given["state"] = json.loads(entry["JobBookmark"] if entry else EMPTY)
        return json.dumps(given)

    def save_bookmark(self, record: Members, merged: dict[str, str], folder: Path) -> str | None:
        """Keep what a succeeded run committed; the answer is an error message when another run was first."""
        path = folder / BOOKMARK_OUT
        if merged.get(OPTION) != "job-bookmark-enable" or not path.exists():
            return None
        read_version = json.loads((folder / BOOKMARK_IN).read_text())["version"]
        name = record["JobName"]
        with self.store.transaction():
            now = self._bookmark(name, None)
            if (now["Version"] if now else 0) != read_version:
                return "GLUE_JOB_BOOKMARK_VERSION_MISMATCH_ERROR: another run of this job saved its bookmark meanwhile"
            entry: Members = {
                "JobName": name,
                "Version": read_version + 1,
                "Run": (now["Run"] if now else 0) + 1,
                "Attempt": record["Attempt"],
                "RunId": record["Id"],
                "JobBookmark": path.read_text(),
            }
            if now and now.get("RunId"):
                entry["PreviousRunId"] = now["RunId"]
            self.store.put(BOOKMARK, name, entry)
            self.store.put(HISTORY, f"{name}\x1f{record['Id']}", entry)
        return None

    def _bookmark(self, name: str, run_id: str | None) -> Members | None:
        return self.store.get(BOOKMARK, name) if run_id is None else self.store.get(HISTORY, f"{name}\x1f{run_id}")

    def _state_after(self, name: str, run_id: str) -> str:
        if run_id == "0":
            return EMPTY
        entry = self._bookmark(name, run_id)
        if entry is None:
            raise RunFailed(f"InvalidArgument: run {run_id} of job {name} left no bookmark")
        return str(entry["JobBookmark"])
