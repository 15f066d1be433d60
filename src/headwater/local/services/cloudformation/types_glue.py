"""AWS::Glue types: databases, tables, partitions, crawlers, jobs, triggers.

Not faithful to AWS: ``CatalogId`` must be this account's and is not passed on.
"""

from __future__ import annotations

from headwater.local.service import Members, ServiceError
from headwater.local.services.cloudformation.names import Naming
from headwater.local.services.cloudformation.resource_type import ApiType, Handle, Made, Properties, Tagging, words


class _Catalogued(ApiType):
    """A type of the Data Catalog: its CatalogId is checked, and left out of the calls."""

    service = "glue"
    apart = frozenset({"CatalogId"})

    def create_members(self, handle: Handle, properties: Properties) -> Members:
        """The create call's request, for this account's catalog only."""
        catalog = str(properties.get("CatalogId", handle.endpoint.account))
        if catalog != handle.endpoint.account:
            raise ServiceError(
                "EntityNotFoundException", f"Catalog {catalog} not found; this account's is {handle.endpoint.account}"
            )
        return super().create_members(handle, properties)


class Database(_Catalogued):
    """A database of the Data Catalog."""

    name = "AWS::Glue::Database"
    properties = words("CatalogId DatabaseInput DatabaseName")
    required = words("CatalogId DatabaseInput")
    create_only = words("CatalogId DatabaseName")
    create_call, update_call, delete_call = "create_database", "update_database", "delete_database"
    apart = words("CatalogId DatabaseName")
    ref = "{DatabaseInput[Name]}"
    update_on = delete_on = {"Name": "{id}"}

    def named(self, handle: Handle, properties: Properties) -> Properties:
        """The name is the property's, the input's, or generated in lower case."""
        given = properties.get("DatabaseName") or properties.get("DatabaseInput", {}).get("Name")
        name = given or Naming("Name", 255, lower=True).generate(handle.stack_name, handle.logical_id)
        return {**properties, "DatabaseInput": {**properties.get("DatabaseInput", {}), "Name": name}}

    def exists(self, handle: Handle, properties: Properties) -> bool:
        """Whether the database is there."""
        return handle.has("glue", "get_database", Name=properties["DatabaseInput"]["Name"])

    def replacing(self, old: Properties, new: Properties) -> set[str]:
        """A change of the name replaces."""
        if old["DatabaseInput"].get("Name") != new["DatabaseInput"].get("Name"):
            return {"DatabaseInput"}
        return super().replacing(old, new)

    def keep_name(self, declared: Properties, old: Properties, new: Properties) -> Properties:
        """The name stands in the input."""
        given = (declared, new)
        if any("DatabaseName" in one or "Name" in one.get("DatabaseInput", {}) for one in given):
            return self.named_by_property(new)
        return {**new, "DatabaseInput": {**new["DatabaseInput"], "Name": old["DatabaseInput"]["Name"]}}

    @staticmethod
    def named_by_property(properties: Properties) -> Properties:
        """The input with the name that DatabaseName gives."""
        if "DatabaseName" not in properties:
            return properties
        database = {**properties["DatabaseInput"], "Name": properties["DatabaseName"]}
        return {**properties, "DatabaseInput": database}


class Table(_Catalogued):
    """A table of the Data Catalog."""

    name = "AWS::Glue::Table"
    properties = words("CatalogId DatabaseName OpenTableFormatInput TableInput")
    required = words("CatalogId DatabaseName TableInput")
    create_only = words("CatalogId DatabaseName")
    create_call, update_call, delete_call = "create_table", "update_table", "delete_table"
    ref = "{TableInput[Name]}"
    delete_on = {"DatabaseName": "{DatabaseName}", "Name": "{id}"}

    def named(self, handle: Handle, properties: Properties) -> Properties:
        """The name is the input's, or generated in lower case."""
        table = properties.get("TableInput", {})
        name = table.get("Name") or Naming("Name", 255, lower=True).generate(handle.stack_name, handle.logical_id)
        return {**properties, "TableInput": {**table, "Name": name}}

    def replacing(self, old: Properties, new: Properties) -> set[str]:
        """A change of the name replaces."""
        renamed = old["TableInput"].get("Name") != new["TableInput"].get("Name")
        return {"TableInput"} if renamed else super().replacing(old, new)

    def keep_name(self, declared: Properties, old: Properties, new: Properties) -> Properties:
        """The name stands in the input."""
        if any("Name" in one["TableInput"] for one in (declared, new)):
            return new
        return {**new, "TableInput": {**new["TableInput"], "Name": old["TableInput"]["Name"]}}


class Partition(_Catalogued):
    """A partition of a table; Ref gives the values, joined by ``|``."""

    name = "AWS::Glue::Partition"
    properties = words("CatalogId DatabaseName PartitionInput TableName")
    required = properties
    create_only = words("CatalogId DatabaseName TableName")
    create_call, update_call, delete_call = "create_partition", "update_partition", "delete_partition"
    ref = "{PartitionInput[Values]}"

    def predicted_id(self, handle: Handle, properties: Properties) -> str:
        """The values, joined."""
        return "|".join(map(str, properties["PartitionInput"].get("Values", [])))

    def create(self, handle: Handle, properties: Properties) -> Made:
        """Call create_partition."""
        handle.call("glue", "create_partition", **self.create_members(handle, properties))
        handle.exists(self.predicted_id(handle, properties))
        return Made(self.predicted_id(handle, properties))

    def update_members(self, handle: Handle, physical_id: str, new: Properties) -> Members:
        """The partition is named by its values."""
        values = new["PartitionInput"]["Values"]
        return {**self.create_members(handle, new), "PartitionValueList": [str(value) for value in values]}

    def replacing(self, old: Properties, new: Properties) -> set[str]:
        """A change of the values replaces."""
        moved = old["PartitionInput"].get("Values") != new["PartitionInput"].get("Values")
        return {"PartitionInput"} if moved else super().replacing(old, new)

    def delete(self, handle: Handle, physical_id: str, properties: Properties) -> None:
        """Call delete_partition with the values."""
        handle.remove(
            "glue",
            "delete_partition",
            DatabaseName=properties["DatabaseName"],
            TableName=properties["TableName"],
            PartitionValues=[str(value) for value in properties["PartitionInput"]["Values"]],
        )


def _arn(kind: str) -> str:
    return f"arn:{{partition}}:glue:{{region}}:{{account}}:{kind}/{{id}}"


def _tagging(kind: str) -> Tagging:
    return Tagging("tag_resource", "untag_resource", ("ResourceArn", _arn(kind)), "TagsToAdd", "TagsToRemove")


class Crawler(ApiType):
    """A crawler."""

    name = "AWS::Glue::Crawler"
    service = "glue"
    properties = words(
        "Classifiers Configuration CrawlerSecurityConfiguration DatabaseName Description LakeFormationConfiguration "
        "Name RecrawlPolicy Role Schedule SchemaChangePolicy TablePrefix Tags Targets"
    )
    required = words("Role Targets")
    create_only = words("Name")
    naming = Naming("Name", 255)
    create_call, update_call, delete_call = "create_crawler", "update_crawler", "delete_crawler"
    ref = "{Name}"
    delete_on = {"Name": "{id}"}
    tags_member = "Tags"
    tagging = _tagging("crawler")

    def _plain(self, properties: Properties) -> Properties:
        plain = super()._plain(properties)
        if isinstance(plain.get("Schedule"), dict):
            plain["Schedule"] = plain["Schedule"].get("ScheduleExpression")
        return plain


class Job(ApiType):
    """A job."""

    name = "AWS::Glue::Job"
    service = "glue"
    properties = words(
        "AllocatedCapacity Command Connections DefaultArguments Description ExecutionClass ExecutionProperty "
        "GlueVersion JobMode JobRunQueuingEnabled LogUri MaintenanceWindow MaxCapacity MaxRetries Name "
        "NonOverridableArguments NotificationProperty NumberOfWorkers Role SecurityConfiguration Tags Timeout "
        "WorkerType"
    )
    required = words("Command Role")
    create_only = words("Name")
    naming = Naming("Name", 255)
    create_call, update_call, delete_call = "create_job", "update_job", "delete_job"
    ref = "{Name}"
    delete_on = {"JobName": "{id}"}
    tags_member = "Tags"
    tagging = _tagging("job")

    def update_members(self, handle: Handle, physical_id: str, new: Properties) -> Members:
        """The whole definition, under JobUpdate."""
        members = self.create_members(handle, new)
        definition = {name: value for name, value in members.items() if name not in ("Name", "Tags")}
        return {"JobName": physical_id, "JobUpdate": definition}


class Trigger(ApiType):
    """A trigger."""

    name = "AWS::Glue::Trigger"
    service = "glue"
    properties = words(
        "Actions Description EventBatchingCondition Name Predicate Schedule StartOnCreation Tags Type WorkflowName"
    )
    required = words("Actions Type")
    create_only = words("Name Type WorkflowName")
    naming = Naming("Name", 255)
    create_call, update_call, delete_call = "create_trigger", "update_trigger", "delete_trigger"
    ref = "{Name}"
    delete_on = {"Name": "{id}"}
    tags_member = "Tags"
    tagging = _tagging("trigger")

    def update_members(self, handle: Handle, physical_id: str, new: Properties) -> Members:
        """What of the definition may change, under TriggerUpdate."""
        fixed = ("Name", "StartOnCreation", "Tags", "Type", "WorkflowName")
        members = {name: value for name, value in self.create_members(handle, new).items() if name not in fixed}
        return {"Name": physical_id, "TriggerUpdate": members}
