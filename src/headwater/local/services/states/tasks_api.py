"""The operations on activities and task tokens."""

from __future__ import annotations

import re
import time

from headwater.local.service import Call, Members, Service, ServiceError, operation
from headwater.local.services.states.executions_api import page_token, read_token
from headwater.local.json_problems import json_problem
from headwater.local.services.states.json_text import loads
from headwater.local.services.states.machines import ACTIVITY, check_arn
from headwater.local.services.states.runtime import Runtime
from headwater.local.services.states.timestamps import moment_of
from headwater.local.store import Record

POLL_S = 60.0
_ARN = re.compile(r"arn:aws[a-z-]*:states:[^:]+:\d+:activity:.+")
_NAME = re.compile(r"[^\x00-\x1f\x7f-\x9f\s<>{}\[\]?*\"#%\\^|~`$&,;:/]{1,80}")


def check_token(token: str) -> None:
    """Refuse what this service never gave out (InvalidToken)."""
    if not re.fullmatch(r"[0-9a-f]{64}", token):
        raise ServiceError("InvalidToken", "Invalid Token: 'Invalid token'")


def _listed(activity: Record) -> Members:
    return {
        "activityArn": activity["arn"],
        "name": activity["name"],
        "creationDate": moment_of(activity["created_ms"]),
    }


class TasksApi(Service):
    """Activities, and reports by token."""

    runtime: Runtime

    @operation
    def send_task_success(self, call: Call, taskToken: str, output: str) -> Members:
        """A worker's task ended well."""
        check_token(taskToken)
        try:
            value = loads(output)
        except ValueError as error:
            raise ServiceError("InvalidOutput", f"Invalid Output: '{json_problem(output, error)}'") from error
        self.runtime.tokens.report(taskToken, lambda state, e, b: state.reported(e, b, {"output": value}))
        return {}

    @operation
    def send_task_failure(
        self, call: Call, taskToken: str, error: str | None = None, cause: str | None = None
    ) -> Members:
        """A worker's task failed."""
        check_token(taskToken)
        report = {"error": error, "cause": cause}
        self.runtime.tokens.report(taskToken, lambda state, e, b: state.reported(e, b, report))
        return {}

    @operation
    def send_task_heartbeat(self, call: Call, taskToken: str) -> Members:
        """A worker is still at it."""
        check_token(taskToken)
        self.runtime.tokens.report(taskToken, lambda state, e, b: state.heartbeat_received(e, b))
        return {}

    @operation
    def create_activity(
        self, call: Call, name: str, tags: list[Members] | None = None, encryptionConfiguration: Members | None = None
    ) -> Members:
        """Make an activity; the same again answers the one that exists."""
        if not _NAME.fullmatch(name):
            raise ServiceError("InvalidName", f"Invalid Name: '{name}'")
        arn = f"arn:aws:states:{call.region}:{call.account}:activity:{name}"
        with self.store.transaction():
            activity = self.store.get(ACTIVITY, arn)
            if activity is None:
                activity = {"arn": arn, "name": name, "created_ms": time.time_ns() // 1_000_000}
                activity["tags"] = {tag["key"]: tag.get("value", "") for tag in tags or ()}
                if encryptionConfiguration is not None:
                    activity["encryption"] = encryptionConfiguration
                self.store.put(ACTIVITY, arn, activity)
        return {"activityArn": arn, "creationDate": moment_of(activity["created_ms"])}

    @operation
    def describe_activity(self, call: Call, activityArn: str) -> Members:
        """An activity."""
        activity = self._activity(activityArn)
        return {**_listed(activity), "encryptionConfiguration": activity.get("encryption", {"type": "AWS_OWNED_KEY"})}

    def _activity(self, arn: str) -> Record:
        check_arn(arn, _ARN)
        activity = self.store.get(ACTIVITY, arn)
        if activity is None:
            raise ServiceError("ActivityDoesNotExist", f"Activity Does Not Exist: '{arn}'")
        return activity

    @operation
    def list_activities(self, call: Call, maxResults: int = 100, nextToken: str | None = None) -> Members:
        """All activities, in pages."""
        limit = maxResults or 100
        found = self.store.scan(ACTIVITY, after=read_token(nextToken) if nextToken else "", limit=limit + 1)
        answer: Members = {"activities": [_listed(activity) for _, activity in found[:limit]]}
        if len(found) > limit:
            answer["nextToken"] = page_token(found[limit - 1][0])
        return answer

    @operation
    def delete_activity(self, call: Call, activityArn: str) -> Members:
        """Delete an activity; tasks that wait for it go on waiting, as on AWS."""
        check_arn(activityArn, _ARN)
        self.store.delete(ACTIVITY, activityArn)
        return {}

    @operation
    async def get_activity_task(self, call: Call, activityArn: str, workerName: str | None = None) -> Members:
        """Wait up to a minute for a task of an activity."""
        self._activity(activityArn)
        return await self.runtime.tokens.poll(activityArn, workerName, POLL_S)
