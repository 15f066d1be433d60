"""AWS::SageMaker types: what its API can make here, its API makes; the rest it refuses by name."""

from __future__ import annotations

import time

from headwater.local.service import Members, ServiceError
from headwater.local.services.cloudformation.names import Naming
from headwater.local.services.cloudformation.resource_type import ApiType, Handle, Made, Properties, Tagging, words

SERVICE_LIMIT_S = 600.0
POLL_S = 0.1
TAGGING = Tagging("add_tags", "delete_tags", ("ResourceArn", "{id}"))


def _arn(kind: str, name: str) -> str:
    return f"arn:{{partition}}:sagemaker:{{region}}:{{account}}:{kind}/{{{name}}}"


class Endpoint(ApiType):
    """A real-time endpoint; the stack waits until it is InService."""

    name = "AWS::SageMaker::Endpoint"
    service = "sagemaker"
    properties = words("DeploymentConfig EndpointConfigName EndpointName Tags")
    required = words("EndpointConfigName")
    create_only = words("EndpointName")
    naming = Naming("EndpointName", 63)
    create_call, update_call, delete_call = "create_endpoint", "update_endpoint", "delete_endpoint"
    ref = "{response[EndpointArn]}"
    getatt = {"EndpointName": "{EndpointName}"}
    delete_on = {"EndpointName": "{EndpointName}"}
    tags_member = "Tags"
    tagging = TAGGING

    def update_members(self, handle: Handle, physical_id: str, new: Properties) -> Members:
        """The endpoint is named by its name, not its ARN."""
        return {"EndpointName": new["EndpointName"], "EndpointConfigName": new["EndpointConfigName"]}

    def made(self, handle: Handle, physical_id: str, properties: Properties, response: Members) -> Made:
        """The attributes, once the endpoint is in service."""
        name = properties["EndpointName"]
        end = time.monotonic() + SERVICE_LIMIT_S
        while True:
            found = handle.call("sagemaker", "describe_endpoint", EndpointName=name)
            if found["EndpointStatus"] == "InService":
                return super().made(handle, physical_id, properties, response)
            if found["EndpointStatus"] in ("Failed", "OutOfService", "UpdateRollbackFailed"):
                reason = found.get("FailureReason", "no reason given")
                raise ServiceError("NotStabilized", f"Endpoint {name} is {found['EndpointStatus']}: {reason}")
            if time.monotonic() > end:
                raise ServiceError(
                    "NotStabilized", f"Endpoint {name} is {found['EndpointStatus']} after {SERVICE_LIMIT_S} s"
                )
            time.sleep(POLL_S)


class EndpointConfig(ApiType):
    """The configuration of endpoints."""

    name = "AWS::SageMaker::EndpointConfig"
    service = "sagemaker"
    properties = words(
        "AsyncInferenceConfig DataCaptureConfig EnableNetworkIsolation EndpointConfigName ExecutionRoleArn "
        "ExplainerConfig KmsKeyId ProductionVariants ShadowProductionVariants Tags VpcConfig"
    )
    required = words("ProductionVariants")
    naming = Naming("EndpointConfigName", 63)
    create_call, delete_call = "create_endpoint_config", "delete_endpoint_config"
    ref = "{response[EndpointConfigArn]}"
    getatt = {"EndpointConfigName": "{EndpointConfigName}"}
    delete_on = {"EndpointConfigName": "{EndpointConfigName}"}
    tags_member = "Tags"
    tagging = TAGGING


class Model(ApiType):
    """A model."""

    name = "AWS::SageMaker::Model"
    service = "sagemaker"
    properties = words(
        "Containers EnableNetworkIsolation ExecutionRoleArn InferenceExecutionConfig ModelName PrimaryContainer Tags "
        "VpcConfig"
    )
    naming = Naming("ModelName", 63)
    create_call, delete_call = "create_model", "delete_model"
    ref = "{response[ModelArn]}"
    getatt = {"ModelName": "{ModelName}"}
    delete_on = {"ModelName": "{ModelName}"}
    tags_member = "Tags"
    tagging = TAGGING


class ModelPackageGroup(ApiType):
    """A group of model package versions."""

    name = "AWS::SageMaker::ModelPackageGroup"
    service = "sagemaker"
    properties = words("ModelPackageGroupDescription ModelPackageGroupName Tags")
    required = words("ModelPackageGroupName")
    create_call, delete_call = "create_model_package_group", "delete_model_package_group"
    ref = "{response[ModelPackageGroupArn]}"
    getatt = {"ModelPackageGroupArn": "{id}"}
    attributes = words("CreationTime ModelPackageGroupStatus")
    delete_on = {"ModelPackageGroupName": "{ModelPackageGroupName}"}
    tags_member = "Tags"
    tagging = TAGGING

    def predicted_id(self, handle: Handle, properties: Properties) -> str:
        """The ARN, which follows from the name."""
        return _arn("model-package-group", "ModelPackageGroupName").format_map({**handle.scope, **properties})

    def exists(self, handle: Handle, properties: Properties) -> bool:
        """Whether the group is there."""
        name = properties["ModelPackageGroupName"]
        return handle.has("sagemaker", "describe_model_package_group", ModelPackageGroupName=name)

    def made(self, handle: Handle, physical_id: str, properties: Properties, response: Members) -> Made:
        """The attributes, with the group's status and date."""
        made = super().made(handle, physical_id, properties, response)
        group = handle.call(
            "sagemaker", "describe_model_package_group", ModelPackageGroupName=properties["ModelPackageGroupName"]
        )
        known = {
            "CreationTime": str(group["CreationTime"]),
            "ModelPackageGroupStatus": group["ModelPackageGroupStatus"],
        }
        return Made(physical_id, {**made.attributes, **known})
