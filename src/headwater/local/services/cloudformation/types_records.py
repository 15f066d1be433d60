"""Types of services that keep records: DynamoDB, ECR, EMR Serverless, KMS, Secrets Manager, SSM; and mere metadata."""

from __future__ import annotations

import json
import secrets
import uuid
from typing import Any

from headwater.local.service import Members, ServiceError
from headwater.local.services.cloudformation import shapes
from headwater.local.services.cloudformation.names import Naming
from headwater.local.services.cloudformation.resource_type import (
    ApiType,
    Handle,
    Made,
    Properties,
    ResourceType,
    Tagging,
    merged_tags,
    missing,
    words,
)


class CdkMetadata(ResourceType):
    """What the CDK adds for its statistics: nothing to make, on AWS too."""

    name = "AWS::CDK::Metadata"
    properties = words("Analytics Modules")

    def create(self, handle: Handle, properties: Properties) -> Made:
        """Nothing is made; AWS answers an id."""
        return Made(secrets.token_hex(18))

    def update(self, handle: Handle, physical_id: str, old: Properties, new: Properties) -> Made:
        """Nothing changes."""
        return Made(physical_id)


class WaitConditionHandle(ResourceType):
    """A handle without a condition: what templates of one placeholder resource use."""

    name = "AWS::CloudFormation::WaitConditionHandle"

    def create(self, handle: Handle, properties: Properties) -> Made:
        """Its id is a URL on AWS; here nothing listens for signals, and WaitCondition itself is refused."""
        return Made(f"{handle.endpoint.url}/_headwater/wait-condition/{secrets.token_hex(8)}")

    def update(self, handle: Handle, physical_id: str, old: Properties, new: Properties) -> Made:
        """Nothing changes."""
        return Made(physical_id)


class Table(ApiType):
    """A DynamoDB table; Ref gives its name."""

    name = "AWS::DynamoDB::Table"
    service = "dynamodb"
    properties = words(
        "AttributeDefinitions BillingMode DeletionProtectionEnabled GlobalSecondaryIndexes KeySchema "
        "LocalSecondaryIndexes OnDemandThroughput PointInTimeRecoverySpecification ProvisionedThroughput "
        "SSESpecification StreamSpecification TableClass TableName Tags TimeToLiveSpecification"
    )
    required = words("KeySchema")
    create_only = words("KeySchema LocalSecondaryIndexes TableName")
    naming = Naming("TableName", 255)
    create_call, update_call, delete_call = "create_table", "update_table", "delete_table"
    apart = words("PointInTimeRecoverySpecification TimeToLiveSpecification")
    ref = "{TableName}"
    getatt = {"Arn": "arn:{partition}:dynamodb:{region}:{account}:table/{TableName}"}
    attributes = words("StreamArn")
    update_on = delete_on = {"TableName": "{id}"}
    tags_member = "Tags"
    tagging = Tagging("tag_resource", "untag_resource", ("ResourceArn", "{Arn}"))

    def _plain(self, properties: Properties) -> Properties:
        plain = super()._plain(properties)
        if "StreamSpecification" in plain:
            plain["StreamSpecification"] = {"StreamEnabled": True, **plain["StreamSpecification"]}
        if "SSESpecification" in plain:
            sse = dict(plain["SSESpecification"])
            plain["SSESpecification"] = {**sse, "Enabled": sse.pop("SSEEnabled", True)}
            plain["SSESpecification"].pop("SSEEnabled", None)
        return plain

    def update(self, handle: Handle, physical_id: str, old: Properties, new: Properties) -> Made:
        """Index changes are refused by name: AWS does them one at a time, in minutes."""
        if old.get("GlobalSecondaryIndexes") != new.get("GlobalSecondaryIndexes"):
            raise ServiceError(
                "ValidationError", "Headwater does not update GlobalSecondaryIndexes of a table in place"
            )
        return super().update(handle, physical_id, old, new)

    def made(self, handle: Handle, physical_id: str, properties: Properties, response: Members) -> Made:
        """With the stream, when there is one."""
        made = super().made(handle, physical_id, properties, response)
        if "StreamSpecification" in properties:
            table = handle.call("dynamodb", "describe_table", TableName=physical_id)["Table"]
            return Made(physical_id, {**made.attributes, "StreamArn": table.get("LatestStreamArn", "")})
        return made

    def after(self, handle: Handle, made: Made, old: Properties, new: Properties) -> None:
        """Set time to live and point-in-time recovery."""
        for name, operation, member in (
            ("TimeToLiveSpecification", "update_time_to_live", "TimeToLiveSpecification"),
            (
                "PointInTimeRecoverySpecification",
                "update_continuous_backups",
                "PointInTimeRecoverySpecification",
            ),
        ):
            if name in new and old.get(name) != new[name]:
                members = shapes.to_members("dynamodb", operation, {member: new[name]})
                handle.call("dynamodb", operation, TableName=made.physical_id, **members)


class Repository(ApiType):
    """An ECR repository; Ref gives its name."""

    name = "AWS::ECR::Repository"
    service = "ecr"
    properties = words(
        "EmptyOnDelete EncryptionConfiguration ImageScanningConfiguration ImageTagMutability LifecyclePolicy "
        "RepositoryName RepositoryPolicyText Tags"
    )
    create_only = words("EncryptionConfiguration RepositoryName")
    naming = Naming("RepositoryName", 256, lower=True)
    create_call, update_call, delete_call = "create_repository", "put_image_tag_mutability", "delete_repository"
    apart = words("EmptyOnDelete LifecyclePolicy RepositoryPolicyText")
    ref = "{RepositoryName}"
    getatt = {
        "Arn": "arn:{partition}:ecr:{region}:{account}:repository/{RepositoryName}",
        "RepositoryUri": "{account}.dkr.ecr.{region}.amazonaws.com/{RepositoryName}",
    }
    tags_member = "tags"
    tagging = Tagging("tag_resource", "untag_resource", ("resourceArn", "{Arn}"), "tags", "tagKeys")

    def update(self, handle: Handle, physical_id: str, old: Properties, new: Properties) -> Made:
        """Each setting has an operation of its own."""
        for name, operation, default in (
            ("ImageScanningConfiguration", "put_image_scanning_configuration", {"ScanOnPush": False}),
            ("ImageTagMutability", "put_image_tag_mutability", "MUTABLE"),
        ):
            if old.get(name) != new.get(name):
                members = shapes.to_members("ecr", operation, {name: new.get(name, default)})
                handle.call("ecr", operation, repositoryName=physical_id, **members)
        made = self.made(handle, physical_id, new, {})
        self.after(handle, made, old, new)
        return made

    def after(self, handle: Handle, made: Made, old: Properties, new: Properties) -> None:
        """Set or remove the policies."""
        who = {"repositoryName": made.physical_id}
        if old.get("RepositoryPolicyText") != new.get("RepositoryPolicyText"):
            if "RepositoryPolicyText" in new:
                text = new["RepositoryPolicyText"]
                body = text if isinstance(text, str) else json.dumps(text)
                handle.call("ecr", "set_repository_policy", **who, policyText=body)
            else:
                handle.call("ecr", "delete_repository_policy", **who)
        if old.get("LifecyclePolicy") != new.get("LifecyclePolicy"):
            if "LifecyclePolicy" in new:
                text = new["LifecyclePolicy"].get("LifecyclePolicyText", "")
                handle.call("ecr", "put_lifecycle_policy", **who, lifecyclePolicyText=text)
            else:
                handle.call("ecr", "delete_lifecycle_policy", **who)

    def delete(self, handle: Handle, physical_id: str, properties: Properties) -> None:
        """Delete it, with its images only when the template says so."""
        force = str(properties.get("EmptyOnDelete", "false")).lower() == "true"
        handle.remove("ecr", "delete_repository", repositoryName=physical_id, force=force)


class Application(ApiType):
    """An EMR Serverless application; Ref gives its id."""

    name = "AWS::EMRServerless::Application"
    service = "emr-serverless"
    properties = words(
        "Architecture AutoStartConfiguration AutoStopConfiguration ImageConfiguration InitialCapacity "
        "InteractiveConfiguration MaximumCapacity MonitoringConfiguration Name NetworkConfiguration ReleaseLabel "
        "RuntimeConfiguration Tags Type WorkerTypeSpecifications"
    )
    required = words("ReleaseLabel Type")
    create_only = words("Name Type")
    create_call, update_call, delete_call = "create_application", "update_application", "delete_application"
    ref = "{response[applicationId]}"
    getatt = {"ApplicationId": "{id}", "Arn": "arn:{partition}:emr-serverless:{region}:{account}:/applications/{id}"}
    update_on = delete_on = {"applicationId": "{id}"}
    tags_member = "tags"
    tagging = Tagging("tag_resource", "untag_resource", ("resourceArn", "{Arn}"), "tags", "tagKeys")

    def _plain(self, properties: Properties) -> Properties:
        plain = super()._plain(properties)
        for name in ("InitialCapacity", "WorkerTypeSpecifications"):
            if isinstance(plain.get(name), list):
                plain[name] = {item["Key"]: item["Value"] for item in plain[name]}
        return plain

    def delete(self, handle: Handle, physical_id: str, properties: Properties) -> None:
        """Delete it; one that somebody else has deleted is there yet, TERMINATED."""
        try:
            found = handle.call("emr-serverless", "get_application", applicationId=physical_id)
        except ServiceError as error:
            if not missing(error):
                raise
            return
        if found["application"]["state"] != "TERMINATED":
            super().delete(handle, physical_id, properties)


class Alias(ApiType):
    """A name of a key; Ref gives it."""

    name = "AWS::KMS::Alias"
    service = "kms"
    properties = words("AliasName TargetKeyId")
    required = properties
    create_only = words("AliasName")
    create_call, update_call, delete_call = "create_alias", "update_alias", "delete_alias"
    ref = "{AliasName}"
    delete_on = {"AliasName": "{id}"}


class Key(ApiType):
    """A key; Ref gives its id. Deleted, it waits out its window, as on AWS."""

    name = "AWS::KMS::Key"
    service = "kms"
    properties = words(
        "BypassPolicyLockoutSafetyCheck Description EnableKeyRotation Enabled KeyPolicy KeySpec KeyUsage MultiRegion "
        "Origin PendingWindowInDays Tags"
    )
    create_only = words("KeySpec KeyUsage MultiRegion Origin")
    create_call, update_call, delete_call = "create_key", "update_key_description", "schedule_key_deletion"
    renames = {"KeyPolicy": "Policy"}
    apart = words("EnableKeyRotation Enabled PendingWindowInDays")
    ref = "{response[KeyMetadata][KeyId]}"
    getatt = {"Arn": "arn:{partition}:kms:{region}:{account}:key/{id}", "KeyId": "{id}"}

    def create_members(self, handle: Handle, properties: Properties) -> Members:
        """KMS spells its tags its own way."""
        members = shapes.to_members("kms", "create_key", self._plain(properties))
        tags = merged_tags(handle, properties.get("Tags"))
        return {**members, "Tags": _key_tags(tags)} if tags else members

    def update(self, handle: Handle, physical_id: str, old: Properties, new: Properties) -> Made:
        """Each setting has an operation of its own."""
        if old.get("Description") != new.get("Description"):
            text = str(new.get("Description", ""))
            handle.call("kms", "update_key_description", KeyId=physical_id, Description=text)
        if "KeyPolicy" in new and old.get("KeyPolicy") != new["KeyPolicy"]:
            policy = new["KeyPolicy"] if isinstance(new["KeyPolicy"], str) else json.dumps(new["KeyPolicy"])
            handle.call("kms", "put_key_policy", KeyId=physical_id, PolicyName="default", Policy=policy)
        made = self.made(handle, physical_id, new, {})
        self.after(handle, made, old, new)
        return made

    def after(self, handle: Handle, made: Made, old: Properties, new: Properties) -> None:
        """Switch the key and its rotation on or off."""
        for name, default, on, off in (
            ("EnableKeyRotation", "false", "enable_key_rotation", "disable_key_rotation"),
            ("Enabled", "true", "enable_key", "disable_key"),
        ):
            wanted = str(new.get(name, default)).lower()
            if wanted != str(old.get(name, default)).lower():
                handle.call("kms", on if wanted == "true" else off, KeyId=made.physical_id)

    def update_tags(self, handle: Handle, made: Made, properties: Properties, old: Any) -> None:
        """KMS spells its tags its own way."""
        new = merged_tags(handle, properties.get("Tags"))
        if gone := sorted(set(old) - set(new)):
            handle.call("kms", "untag_resource", KeyId=made.physical_id, TagKeys=gone)
        if new:
            handle.call("kms", "tag_resource", KeyId=made.physical_id, Tags=_key_tags(new))

    def delete(self, handle: Handle, physical_id: str, properties: Properties) -> None:
        """Schedule the deletion."""
        days = int(properties.get("PendingWindowInDays", 30))
        handle.remove("kms", "schedule_key_deletion", KeyId=physical_id, PendingWindowInDays=days)


def _key_tags(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"TagKey": key, "TagValue": value} for key, value in tags.items()]


class Parameter(ApiType):
    """A parameter of Systems Manager; Ref gives its name."""

    name = "AWS::SSM::Parameter"
    service = "ssm"
    properties = words("AllowedPattern DataType Description Name Policies Tags Tier Type Value")
    required = words("Type Value")
    create_only = words("Name")
    naming = Naming("Name", 1011)
    create_call = update_call = "put_parameter"
    delete_call = "delete_parameter"
    ref = "{Name}"
    getatt = {"Type": "{Type}", "Value": "{Value}"}
    delete_on = {"Name": "{id}"}
    tags_member = "Tags"
    tagging = Tagging("add_tags_to_resource", "remove_tags_from_resource", ("ResourceId", "{id}"))

    def create_members(self, handle: Handle, properties: Properties) -> Members:
        """CloudFormation takes this type's tags as a map."""
        members = shapes.to_members("ssm", "put_parameter", self._plain(properties))
        tags = merged_tags(handle, properties.get("Tags"))
        return {**members, "Tags": [{"Key": k, "Value": v} for k, v in tags.items()]} if tags else members

    def update_members(self, handle: Handle, physical_id: str, new: Properties) -> Members:
        """put_parameter over what is there; tags are changed apart."""
        return {**shapes.to_members("ssm", "put_parameter", self._plain(new)), "Overwrite": True}

    def update_tags(self, handle: Handle, made: Made, properties: Properties, old: Any) -> None:
        """The call names the kind of resource too."""
        who = {"ResourceType": "Parameter", "ResourceId": made.physical_id}
        new = merged_tags(handle, properties.get("Tags"))
        if gone := sorted(set(old) - set(new)):
            handle.call("ssm", "remove_tags_from_resource", **who, TagKeys=gone)
        if new:
            tags = [{"Key": key, "Value": value} for key, value in new.items()]
            handle.call("ssm", "add_tags_to_resource", **who, Tags=tags)


class Secret(ApiType):
    """A secret, given or generated; Ref gives its ARN."""

    name = "AWS::SecretsManager::Secret"
    service = "secretsmanager"
    properties = words("Description GenerateSecretString KmsKeyId Name SecretString Tags")
    create_only = words("Name")
    naming = Naming("Name", 512)
    create_call, update_call, delete_call = "create_secret", "update_secret", "delete_secret"
    apart = words("GenerateSecretString")
    ref = "{response[ARN]}"
    getatt = {"Id": "{id}"}
    update_on = {"SecretId": "{id}"}
    tags_member = "Tags"
    tagging = Tagging("tag_resource", "untag_resource", ("SecretId", "{id}"))

    def create_members(self, handle: Handle, properties: Properties) -> Members:
        """With the generated value, which the template never shows."""
        members = super().create_members(handle, properties)
        if "GenerateSecretString" in properties:
            if "SecretString" in properties:
                raise ServiceError("ValidationError", "Specify either SecretString or GenerateSecretString, not both")
            members["SecretString"] = self._generated(handle, dict(properties["GenerateSecretString"]))
        return members

    def update_members(self, handle: Handle, physical_id: str, new: Properties) -> Members:
        """With the token that every client sends: without one the record keeper takes the update for a creation."""
        return {**super().update_members(handle, physical_id, new), "ClientRequestToken": str(uuid.uuid4())}

    @staticmethod
    def _generated(handle: Handle, rules: Properties) -> str:
        template, key = rules.pop("SecretStringTemplate", None), rules.pop("GenerateStringKey", None)
        members = shapes.to_members("secretsmanager", "get_random_password", rules)
        password = str(handle.call("secretsmanager", "get_random_password", **members)["RandomPassword"])
        return json.dumps({**json.loads(template), key: password}) if template and key else password

    def delete(self, handle: Handle, physical_id: str, properties: Properties) -> None:
        """Delete without a recovery window, so that the name can be used again (AWS keeps 30 days)."""
        handle.remove("secretsmanager", "delete_secret", SecretId=physical_id, ForceDeleteWithoutRecovery=True)
