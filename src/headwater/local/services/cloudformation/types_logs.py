"""AWS::Logs and AWS::CloudWatch types."""

from __future__ import annotations

from headwater.local.service import ServiceError
from headwater.local.services.cloudformation.names import Naming
from headwater.local.services.cloudformation.resource_type import ApiType, Handle, Made, Properties, Tagging, words


class LogGroup(ApiType):
    """A log group, with its retention."""

    name = "AWS::Logs::LogGroup"
    service = "logs"
    properties = words("KmsKeyId LogGroupClass LogGroupName RetentionInDays Tags")
    create_only = words("LogGroupClass LogGroupName")
    naming = Naming("LogGroupName", 512)
    create_call, delete_call = "create_log_group", "delete_log_group"
    apart = words("RetentionInDays")
    ref = "{LogGroupName}"
    getatt = {"Arn": "arn:{partition}:logs:{region}:{account}:log-group:{LogGroupName}:*"}
    delete_on = {"logGroupName": "{id}"}
    tags_member = "tags"
    tagging = Tagging(
        "tag_resource",
        "untag_resource",
        ("resourceArn", "arn:{partition}:logs:{region}:{account}:log-group:{LogGroupName}"),
        "tags",
        "tagKeys",
    )

    def exists(self, handle: Handle, properties: Properties) -> bool:
        """Whether the log group is there."""
        name = properties["LogGroupName"]
        groups = handle.call("logs", "describe_log_groups", logGroupNamePrefix=name)["logGroups"]
        return any(group["logGroupName"] == name for group in groups)

    def replacing(self, old: Properties, new: Properties) -> set[str]:
        """Everything but retention and tags replaces."""
        return super().replacing(old, new) - {"RetentionInDays"}

    def after(self, handle: Handle, made: Made, old: Properties, new: Properties) -> None:
        """Set or remove the retention."""
        if old.get("RetentionInDays") == new.get("RetentionInDays"):
            return
        if "RetentionInDays" in new:
            days = int(new["RetentionInDays"])
            handle.call("logs", "put_retention_policy", logGroupName=made.physical_id, retentionInDays=days)
        else:
            handle.call("logs", "delete_retention_policy", logGroupName=made.physical_id)


class MetricFilter(ApiType):
    """A metric filter of a log group."""

    name = "AWS::Logs::MetricFilter"
    service = "logs"
    properties = words("FilterName FilterPattern LogGroupName MetricTransformations")
    required = words("FilterPattern LogGroupName MetricTransformations")
    create_only = words("FilterName LogGroupName")
    naming = Naming("FilterName", 512)
    create_call = update_call = "put_metric_filter"
    delete_call = "delete_metric_filter"
    ref = "{FilterName}"
    delete_on = {"logGroupName": "{LogGroupName}", "filterName": "{id}"}

    def exists(self, handle: Handle, properties: Properties) -> bool:
        """Whether the group has a filter of this name. Raises where there is no such group."""
        return metric_filter(handle, properties["LogGroupName"], properties["FilterName"]) is not None

    def create(self, handle: Handle, properties: Properties) -> Made:
        """Make the filter; one that is there already is a failure, though PutMetricFilter would replace it."""
        if self.exists(handle, properties):
            raise ServiceError("AlreadyExists", f"Metric filter {properties['FilterName']} already exists")
        return super().create(handle, properties)

    def _plain(self, properties: Properties) -> Properties:
        plain = super()._plain(properties)
        plain["MetricTransformations"] = [_transformation(item) for item in properties["MetricTransformations"]]
        return plain


def metric_filter(handle: Handle, group: str, name: str) -> Properties | None:
    """A metric filter as the service tells it."""
    found = handle.call("logs", "describe_metric_filters", logGroupName=group, filterNamePrefix=name)["metricFilters"]
    return next((each for each in found if each["filterName"] == name), None)


def _transformation(item: Properties) -> Properties:
    dimensions = item.get("Dimensions")
    if isinstance(dimensions, list):
        return {**item, "Dimensions": {pair["Key"]: pair["Value"] for pair in dimensions}}
    return item


class Alarm(ApiType):
    """A metric alarm."""

    name = "AWS::CloudWatch::Alarm"
    service = "cloudwatch"
    properties = words(
        "ActionsEnabled AlarmActions AlarmDescription AlarmName ComparisonOperator DatapointsToAlarm Dimensions "
        "EvaluateLowSampleCountPercentile EvaluationPeriods ExtendedStatistic InsufficientDataActions MetricName "
        "Metrics Namespace OKActions Period Statistic Tags Threshold ThresholdMetricId TreatMissingData Unit"
    )
    create_only = words("AlarmName")
    naming = Naming("AlarmName", 255)
    create_call = update_call = "put_metric_alarm"
    delete_call = "delete_alarms"
    ref = "{AlarmName}"
    getatt = {"Arn": "arn:{partition}:cloudwatch:{region}:{account}:alarm:{AlarmName}"}
    tags_member = "Tags"
    tagging = Tagging("tag_resource", "untag_resource", ("ResourceARN", "{Arn}"))

    def delete(self, handle: Handle, physical_id: str, properties: Properties) -> None:
        """Call delete_alarms."""
        handle.remove("cloudwatch", "delete_alarms", AlarmNames=[physical_id])


class Dashboard(ApiType):
    """A dashboard."""

    name = "AWS::CloudWatch::Dashboard"
    service = "cloudwatch"
    properties = words("DashboardBody DashboardName Tags")
    required = words("DashboardBody")
    create_only = words("DashboardName")
    naming = Naming("DashboardName", 255)
    create_call = update_call = "put_dashboard"
    delete_call = "delete_dashboards"
    ref = "{DashboardName}"
    tags_member = "Tags"
    tagging = Tagging(
        "tag_resource",
        "untag_resource",
        ("ResourceARN", "arn:{partition}:cloudwatch::{account}:dashboard/{DashboardName}"),
    )

    def delete(self, handle: Handle, physical_id: str, properties: Properties) -> None:
        """Call delete_dashboards."""
        handle.remove("cloudwatch", "delete_dashboards", DashboardNames=[physical_id])
