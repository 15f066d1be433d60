"""Model packages: the versions of a model in a group, with their approval.

A version is accepted when its model data is in S3 and the caller may read it, as on AWS; what is inside is not
looked at. Not computed, and refused by name: packages without a group, validation profiles, the marketplace.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from headwater.local.service import Call, Members, ServiceError, operation
from headwater.local.services.sagemaker import tags
from headwater.local.services.sagemaker.errors import check_choice, invalid, not_computed
from headwater.local.services.sagemaker.listing import listed
from headwater.local.services.sagemaker.model_groups import PACKAGE_KIND, PACKAGES, ModelGroupOperations, group_name
from headwater.local.services.sagemaker.names import arn, moment, now
from headwater.local.services.sagemaker.training_request import without_none
from headwater.local.services.sagemaker.transfer import S3Uri
from headwater.local.store import Record

TOKENS = "sagemaker.model-package-token"
APPROVALS = frozenset({"Approved", "PendingManualApproval", "Rejected"})
CARD_STATES = frozenset({"Approved", "Archived", "Draft", "PendingReview"})
UNCOMPUTED = (
    "AdditionalInferenceSpecifications",
    "CertifyForMarketplace",
    "ManagedStorageType",
    "ModelLifeCycle",
    "ModelPackageName",
    "ModelPackageRegistrationType",
    "SourceAlgorithmSpecification",
    "ValidationSpecification",
)


def _check_card(card: Members | None) -> None:
    """A model card is JSON in one of four states; what it says is kept, and not looked at."""
    if card is None:
        return
    check_choice("modelCard.modelCardStatus", card.get("ModelCardStatus"), CARD_STATES)
    try:
        json.loads(card.get("ModelCardContent", "{}"))
    except ValueError as error:
        raise invalid(f"ModelCard.ModelCardContent is not JSON: {error}") from error


def _key(group: str, version: int) -> str:
    return f"{group}/{version}"


class ModelPackageOperations(ModelGroupOperations):
    """Versions."""

    def package(self, name: str) -> Record:
        """A version's record, by ARN. Raises AWS's ValidationException where there is none."""
        record = self.store.get(PACKAGES, name.partition(f":{PACKAGE_KIND}/")[2] or name)
        if record is None:
            raise invalid(f"ModelPackage {name} does not exist.")
        return record

    @operation
    def create_model_package(self, call: Call, **members: Any) -> Members:
        """Register a version; the same ClientToken again answers the same version."""
        request = without_none(members)
        given_tags, token = request.pop("Tags", []), request.pop("ClientToken", None)
        self._check(call, request)
        tags.check(given_tags)
        wanted = json.dumps(request, sort_keys=True, default=str)
        with self.store.transaction():
            made = self.store.get(TOKENS, token) if token else None
            if made is not None:
                if made["request"] != wanted:
                    raise ServiceError("ConflictException", f"ClientToken {token} was used for another request")
                return {"ModelPackageArn": made["arn"]}
            package_arn = self._add(call, request, given_tags)
            if token:
                self.store.put(TOKENS, token, {"arn": package_arn, "request": wanted})
        return {"ModelPackageArn": package_arn}

    def _add(self, call: Call, request: Members, given_tags: list[dict[str, str]]) -> str:
        group = self.group(call, request["ModelPackageGroupName"])
        group["last_version"] = version = group["last_version"] + 1
        self.store.put("sagemaker.model-package-group", group["name"], group)
        created = now()
        key = _key(group["name"], version)
        record: Record = {
            "name": key,
            "arn": arn(call, PACKAGE_KIND, key),
            "group": group["name"],
            "version": version,
            "created": created,
            "modified": created,
            "status": "Completed",
            "approval": request.pop("ModelApprovalStatus", "PendingManualApproval"),
            "request": {**request, "ModelPackageGroupName": group["name"]},
        }
        self.store.put(PACKAGES, key, record)
        tags.add(self.store, record["arn"], given_tags)
        package_arn: str = record["arn"]
        return package_arn

    def _check(self, call: Call, request: Members) -> None:
        for member in UNCOMPUTED:
            if request.get(member):
                raise not_computed(f"CreateModelPackage's {member}")
        if not request.get("ModelPackageGroupName"):
            raise invalid("ModelPackageGroupName is required: Headwater keeps versioned model packages")
        check_choice("modelApprovalStatus", request.get("ModelApprovalStatus"), APPROVALS)
        _check_card(request.get("ModelCard"))
        self.group(call, request["ModelPackageGroupName"])
        specification = request.get("InferenceSpecification") or {}
        for container in specification.get("Containers", []):
            if container.get("ModelDataUrl"):
                self._check_model_data(call, container["ModelDataUrl"])

    def _check_model_data(self, call: Call, url: str) -> None:
        uri = S3Uri.parse(url)
        try:
            self.endpoint.call("s3", "head_object", principal=call.principal, Bucket=uri.bucket, Key=uri.key)
        except ServiceError as error:
            raise invalid(f"Could not find model data at {url}. ({error.code})") from error

    @operation
    def describe_model_package(self, call: Call, ModelPackageName: str) -> Members:
        """A version, by its ARN."""
        record = self.package(ModelPackageName)
        return {
            **record["request"],
            **_shown(record),
            "CreatedBy": {},
            "LastModifiedTime": moment(record["modified"]),
            "ModelPackageStatusDetails": {"ValidationStatuses": [], "ImageScanStatuses": []},
        }

    @operation
    def update_model_package(
        self,
        call: Call,
        ModelPackageArn: str,
        ModelApprovalStatus: str | None = None,
        ApprovalDescription: str | None = None,
        CustomerMetadataProperties: dict[str, str] | None = None,
        CustomerMetadataPropertiesToRemove: list[str] | None = None,
    ) -> Members:
        """Approve or reject a version, or change its metadata."""
        check_choice("modelApprovalStatus", ModelApprovalStatus, APPROVALS)
        with self.store.transaction():
            record = self.package(ModelPackageArn)
            if ModelApprovalStatus is not None:
                record["approval"] = ModelApprovalStatus
            if ApprovalDescription is not None:
                record["approval_description"] = ApprovalDescription
            metadata = {**record["request"].get("CustomerMetadataProperties", {}), **(CustomerMetadataProperties or {})}
            for key in CustomerMetadataPropertiesToRemove or []:
                metadata.pop(key, None)
            if metadata or "CustomerMetadataProperties" in record["request"]:
                record["request"]["CustomerMetadataProperties"] = metadata
            record["modified"] = now()
            self.store.put(PACKAGES, record["name"], record)
        return {"ModelPackageArn": record["arn"]}

    @operation
    def delete_model_package(self, call: Call, ModelPackageName: str) -> Members:
        """Delete a version; its number is not given again."""
        with self.store.transaction():
            record = self.package(ModelPackageName)
            self.store.delete(PACKAGES, record["name"])
            tags.drop(self.store, record["arn"])
        return {}

    @operation
    def list_model_packages(
        self,
        call: Call,
        CreationTimeAfter: datetime | None = None,
        CreationTimeBefore: datetime | None = None,
        MaxResults: int | None = None,
        NameContains: str | None = None,
        ModelApprovalStatus: str | None = None,
        ModelPackageGroupName: str | None = None,
        ModelPackageType: str | None = None,
        NextToken: str | None = None,
        SortBy: str | None = None,
        SortOrder: str | None = None,
    ) -> Members:
        """A page of versions; without a group or a type AWS lists the unversioned ones, of which there are none."""
        asked = {name: value for name, value in locals().items() if name[0].isupper()}
        check_choice("modelApprovalStatus", ModelApprovalStatus, APPROVALS)
        check_choice("modelPackageType", ModelPackageType, {"Both", "Unversioned", "Versioned"})
        versioned = ModelPackageType in ("Both", "Versioned") or (ModelPackageType is None and ModelPackageGroupName)
        records = list(self._versions(ModelPackageGroupName, ModelApprovalStatus)) if versioned else []
        page, more = listed(records, asked)
        return {"ModelPackageSummaryList": [_shown(record) for record in page], **more}

    def _versions(self, group: str | None, approval: str | None) -> Iterator[Record]:
        prefix = f"{group_name(group)}/" if group else ""
        for _, record in self.store.scan(PACKAGES, prefix):
            if approval in (None, record["approval"]):
                yield record


def _shown(record: Record) -> Members:
    shown: Members = {
        "ModelPackageGroupName": record["group"],
        "ModelPackageVersion": record["version"],
        "ModelPackageArn": record["arn"],
        "ModelPackageDescription": record["request"].get("ModelPackageDescription"),
        "CreationTime": moment(record["created"]),
        "ModelPackageStatus": record["status"],
        "ModelApprovalStatus": record["approval"],
        "ApprovalDescription": record.get("approval_description"),
    }
    return without_none(shown)
