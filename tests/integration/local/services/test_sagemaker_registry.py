"""Model package groups and versions, through boto3."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from headwater.local.endpoint import EndpointSettings, LocalEndpoint
from tests.integration.local.services.sagemaker_kit import ACCOUNT, BUCKET, XGBOOST, Kit

GROUP_ARN = f"arn:aws:sagemaker:us-east-1:{ACCOUNT}:model-package-group/delays"


@pytest.fixture
def kit(endpoint: LocalEndpoint, aws: Callable[..., Any]) -> Kit:
    kit = Kit(endpoint, aws)
    kit.put("models/m/model.tar.gz", "m")
    kit.sagemaker.create_model_package_group(ModelPackageGroupName="delays", ModelPackageGroupDescription="d")
    return kit


def version(kit: Kit, **members: Any) -> str:
    container = {"Image": XGBOOST, "ModelDataUrl": f"s3://{BUCKET}/models/m/model.tar.gz"}
    request = {
        "ModelPackageGroupName": "delays",
        "InferenceSpecification": {
            "Containers": [container],
            "SupportedContentTypes": ["text/csv"],
            "SupportedResponseMIMETypes": ["text/csv"],
        },
        **members,
    }
    arn: str = kit.sagemaker.create_model_package(**request)["ModelPackageArn"]
    return arn


def test_versions_are_numbered_and_never_again(kit: Kit) -> None:
    first, second = version(kit), version(kit)
    assert second == f"arn:aws:sagemaker:us-east-1:{ACCOUNT}:model-package/delays/2"
    kit.sagemaker.delete_model_package(ModelPackageName=second)
    assert version(kit).endswith("/3")
    described = kit.sagemaker.describe_model_package(ModelPackageName=first)
    assert described["ModelPackageVersion"] == 1
    assert described["ModelPackageStatus"] == "Completed"
    assert described["ModelApprovalStatus"] == "PendingManualApproval"
    assert described["InferenceSpecification"]["Containers"][0]["Image"] == XGBOOST


def test_a_version_keeps_its_model_card(kit: Kit) -> None:
    card = {"ModelCardContent": '{"intended_uses": {}}', "ModelCardStatus": "Draft"}
    assert kit.sagemaker.describe_model_package(ModelPackageName=version(kit, ModelCard=card))["ModelCard"] == card
    for wrong in ({"ModelCardContent": "{", "ModelCardStatus": "Draft"}, {**card, "ModelCardStatus": "Done"}):
        with pytest.raises(ClientError, match="ModelCardContent is not JSON|enum value set"):
            version(kit, ModelCard=wrong)


def test_a_version_is_approved(kit: Kit) -> None:
    arn = version(kit)
    kit.sagemaker.update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Approved", ApprovalDescription="ok")
    listed = kit.sagemaker.list_model_packages(ModelPackageGroupName="delays", ModelApprovalStatus="Approved")
    assert [item["ModelPackageArn"] for item in listed["ModelPackageSummaryList"]] == [arn]
    assert kit.sagemaker.describe_model_package(ModelPackageName=arn)["ApprovalDescription"] == "ok"
    with pytest.raises(ClientError, match="enum value set"):
        kit.sagemaker.update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Maybe")


def test_the_same_client_token_registers_once(kit: Kit) -> None:
    assert version(kit, ClientToken="run-1") == version(kit, ClientToken="run-1")
    with pytest.raises(ClientError, match="ConflictException"):
        version(kit, ClientToken="run-1", ModelPackageDescription="another")
    assert len(kit.sagemaker.list_model_packages(ModelPackageGroupName="delays")["ModelPackageSummaryList"]) == 1


def test_model_data_must_be_there(kit: Kit) -> None:
    kit.s3.delete_object(Bucket=BUCKET, Key="models/m/model.tar.gz")
    with pytest.raises(ClientError, match="Could not find model data at"):
        version(kit)


def test_groups_are_listed_and_deleted_when_empty(kit: Kit) -> None:
    group = kit.sagemaker.describe_model_package_group(ModelPackageGroupName=GROUP_ARN)
    assert (group["ModelPackageGroupArn"], group["ModelPackageGroupStatus"]) == (GROUP_ARN, "Completed")
    arn = version(kit)
    with pytest.raises(ClientError, match="still contains Model Packages"):
        kit.sagemaker.delete_model_package_group(ModelPackageGroupName="delays")
    with pytest.raises(ClientError, match=f"already exists: {GROUP_ARN}"):
        kit.sagemaker.create_model_package_group(ModelPackageGroupName="delays")
    kit.sagemaker.delete_model_package(ModelPackageName=arn)
    kit.sagemaker.delete_model_package_group(ModelPackageGroupName="delays")
    assert kit.sagemaker.list_model_package_groups()["ModelPackageGroupSummaryList"] == []
    with pytest.raises(ClientError, match=f"ModelPackageGroup {GROUP_ARN} does not exist."):
        kit.sagemaker.describe_model_package_group(ModelPackageGroupName="delays")


def test_the_registry_outlives_the_endpoint(kit: Kit, endpoint: LocalEndpoint) -> None:
    arn = version(kit)
    endpoint.stop()
    again = LocalEndpoint(EndpointSettings(home=endpoint.home))
    again.start()
    try:
        assert again.call("sagemaker", "describe_model_package", ModelPackageName=arn)["ModelPackageVersion"] == 1
    finally:
        again.stop()


@pytest.mark.parametrize("member", ["ModelPackageName", "CertifyForMarketplace"])
def test_what_is_not_computed_is_refused_by_name(kit: Kit, member: str) -> None:
    values: dict[str, Any] = {
        "CertifyForMarketplace": True,
        "ModelPackageName": "alone",
    }
    with pytest.raises(ClientError, match=member):
        version(kit, **{member: values[member]})
