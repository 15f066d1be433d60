"""Retention for log groups that an account's jobs share: set where none is set, never changed where somebody set one.

The groups bear no tags of a workflow: they are nobody's alone, and a sweeper must not take them for one's.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from headwater.cloud.session import Cloud, error_code, explain


@dataclass(frozen=True)
class SharedGroup:
    """A log group of the account.

    Parameters
    ----------
    exists:
        Whether it is there already.
    days:
        For how many days its events are to be kept, or are kept; None for ever.
    """

    name: str
    exists: bool
    days: int | None

    def to_json(self) -> dict[str, Any]:
        """The documented shape in ``headwater deploy --json`` and ``headwater destroy --json``."""
        return {"log_group": self.name, "exists": self.exists, "retention_days": self.days}


class SharedLogs:
    """The log groups of one cloud that stacks do not make."""

    def __init__(self, cloud: Cloud) -> None:
        self._logs = cloud.client("logs")

    def existing(self, names: Iterable[str]) -> list[SharedGroup]:
        """Those of the named groups that are there, as they are."""
        found = [(name, self._describe(name)) for name in names]
        return [SharedGroup(name, True, group.get("retentionInDays")) for name, group in found if group is not None]

    def unbounded(self, wanted: Mapping[str, int]) -> list[SharedGroup]:
        """What is to be done: the groups that are not there, or keep their events for ever. Changes nothing.

        Parameters
        ----------
        wanted:
            Names, each with the days for which events are to be kept.

        Raises
        ------
        CloudError
            When CloudWatch Logs refuses the look.
        """
        there = {group.name: group for group in self.existing(wanted)}
        return [
            SharedGroup(name, name in there, days)
            for name, days in wanted.items()
            if name not in there or there[name].days is None
        ]

    def bound(self, groups: Collection[SharedGroup]) -> None:
        """Make those that are not there, and set the retention of those that have none by now.

        Raises
        ------
        CloudError
            When a call is refused; the groups before it are done.
        """
        try:
            for group in groups:
                self._make(group.name)
            for group in self.unbounded({group.name: group.days for group in groups if group.days is not None}):
                self._logs.put_retention_policy(logGroupName=group.name, retentionInDays=group.days)
        except ClientError as error:
            raise explain(error) from error

    def _make(self, name: str) -> None:
        try:
            if self._describe(name) is None:
                self._logs.create_log_group(logGroupName=name)
        except ClientError as error:
            if error_code(error) != "ResourceAlreadyExistsException":  # a job of somebody made it meanwhile
                raise

    def _describe(self, name: str) -> dict[str, Any] | None:
        """The group; of all that begin with its name it comes first, since they are sorted."""
        try:
            found: list[dict[str, Any]] = self._logs.describe_log_groups(logGroupNamePrefix=name, limit=1)["logGroups"]
        except ClientError as error:
            raise explain(error) from error
        return found[0] if found and found[0]["logGroupName"] == name else None
