"""Dashboards: bodies that were checked, kept, and given back. Nothing here draws them."""

from __future__ import annotations

import json
import re
import time
from typing import Any

from headwater.local.paging import page
from headwater.local.service import Call, Members, ServiceError, operation
from headwater.local.services.cloudwatch.metrics import MetricOperations, bad_token
from headwater.local.services.cloudwatch.watching import moment

DASHBOARDS = "cloudwatch.dashboard"
NAME = re.compile(r"[A-Za-z0-9_-]{1,255}")
PAGE = 1000
WIDGETS = ("alarm", "custom", "explorer", "log", "metric", "text")
WIDEST, TALLEST, LARGEST_Y = 24, 1000, 5000


class DashboardOperations(MetricOperations):
    """Dashboards."""

    @operation
    def put_dashboard(
        self, call: Call, DashboardName: str, DashboardBody: str, Tags: list[dict[str, str]] | None = None
    ) -> Members:
        """Make or replace a dashboard; one that AWS could not draw is refused."""
        if not NAME.fullmatch(DashboardName):
            raise ServiceError("InvalidParameterValue", f"The value {DashboardName} for DashboardName is invalid.")
        problems = list(_problems(DashboardBody))
        if problems:
            raise ServiceError(
                "InvalidParameterInput",
                f"The dashboard body is invalid, there are {len(problems)} validation errors: "
                + "; ".join(f"{path}: {text}" for path, text in problems),
                dashboardValidationMessages=[{"DataPath": path, "Message": text} for path, text in problems],
            )
        with self.store.transaction():
            before = self.store.get(DASHBOARDS, DashboardName)
            tags = (Tags or []) if before is None else before["tags"]
            record = {"body": DashboardBody, "modified": time.time(), "tags": tags}
            self.store.put(DASHBOARDS, DashboardName, record)
        return {"DashboardValidationMessages": []}

    @operation
    def get_dashboard(self, call: Call, DashboardName: str) -> Members:
        """A dashboard's body."""
        found = self.store.get(DASHBOARDS, DashboardName)
        if found is None:
            raise ServiceError("ResourceNotFound", f"Dashboard {DashboardName} does not exist", 404)
        arn = self._dashboard_arn(DashboardName)
        return {"DashboardArn": arn, "DashboardBody": found["body"], "DashboardName": DashboardName}

    @operation
    def list_dashboards(self, call: Call, DashboardNamePrefix: str = "", NextToken: str | None = None) -> Members:
        """The dashboards by name."""
        entries = [
            {
                "DashboardName": name,
                "DashboardArn": self._dashboard_arn(name),
                "LastModified": moment(record["modified"]),
                "Size": len(record["body"].encode()),
            }
            for name, record in self.store.scan(DASHBOARDS, DashboardNamePrefix)
        ]
        shown, more = page(entries, PAGE, NextToken, bad_token(NextToken))
        return {"DashboardEntries": shown, **more}

    @operation
    def delete_dashboards(self, call: Call, DashboardNames: list[str]) -> Members:
        """Delete dashboards: all of them, or none when one is not there."""
        with self.store.transaction():
            for name in DashboardNames:
                if not self.store.delete(DASHBOARDS, name):
                    raise ServiceError("ResourceNotFound", f"Dashboard {name} does not exist", 404)
        return {}

    def _dashboard_arn(self, name: str) -> str:
        return f"arn:aws:cloudwatch::{self.endpoint.account}:dashboard/{name}"


def _problems(text: str) -> list[tuple[str, str]]:
    """(path, what is wrong) of a body.

    Source: CloudWatch API reference, "Dashboard Body Structure and Syntax" (read 2026-11-25).
    """
    try:
        body: Any = json.loads(text)
    except ValueError as error:
        return [("/", f"The field DashboardBody must be a valid JSON object: {error}")]
    if not isinstance(body, dict) or not isinstance(body.get("widgets"), list):
        return [("/", "Should have required property 'widgets', a list")]
    found: list[tuple[str, str]] = []
    for number, widget in enumerate(body["widgets"]):
        path = f"/widgets/{number}"
        if not isinstance(widget, dict) or widget.get("type") not in WIDGETS:
            found.append((f"{path}/type", f"Should be one of {', '.join(WIDGETS)}"))
            continue
        if not isinstance(widget.get("properties"), dict):
            found.append((path, "Should have required property 'properties'"))
            continue
        for member, least, most in (("width", 1, WIDEST), ("height", 1, TALLEST), ("x", 0, 23), ("y", 0, LARGEST_Y)):
            value = widget.get(member, least)
            if not isinstance(value, int) or not least <= value <= most:
                found.append((f"{path}/{member}", f"Should be {least} to {most}"))
        found += _widget_problems(path, widget["type"], widget["properties"])
    return found


def _widget_problems(path: str, kind: str, properties: dict[str, Any]) -> list[tuple[str, str]]:
    wanted = {"alarm": ["alarms"], "log": ["query", "region"], "text": ["markdown"]}.get(kind, [])
    found = [
        (f"{path}/properties", f"Should have required property '{each}'") for each in wanted if each not in properties
    ]
    if kind == "metric" and "annotations" not in properties:
        metrics = properties.get("metrics")
        if not isinstance(metrics, list) or not all(isinstance(each, list) and each for each in metrics):
            found.append((f"{path}/properties/metrics", "Should be a list of metrics, each a list"))
    return found
