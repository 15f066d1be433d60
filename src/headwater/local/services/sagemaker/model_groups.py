"""Model package groups."""

from __future__ import annotations

from datetime import datetime

from headwater.local.service import Call, Members, ServiceError, operation
from headwater.local.services.sagemaker import tags
from headwater.local.services.sagemaker.base import SageMakerBase
from headwater.local.services.sagemaker.errors import check_choice, check_name, invalid
from headwater.local.services.sagemaker.listing import listed
from headwater.local.services.sagemaker.names import arn, moment, now
from headwater.local.store import Record

GROUP_KIND, PACKAGE_KIND = "model-package-group", "model-package"
GROUPS, PACKAGES = f"sagemaker.{GROUP_KIND}", f"sagemaker.{PACKAGE_KIND}"


def group_name(text: str) -> str:
    """The name in a group's name or ARN."""
    return text.rsplit("/", 1)[-1]


class ModelGroupOperations(SageMakerBase):
    """Groups, which number their versions; a number is never given twice."""

    def group(self, call: Call, text: str) -> Record:
        """The group's record. Raises AWS's ValidationException where there is none."""
        name = group_name(text)
        record = self.store.get(GROUPS, name)
        if record is None:
            raise invalid(f"ModelPackageGroup {arn(call, GROUP_KIND, name)} does not exist.")
        return record

    @operation
    def create_model_package_group(
        self,
        call: Call,
        ModelPackageGroupName: str,
        ModelPackageGroupDescription: str | None = None,
        Tags: list[dict[str, str]] | None = None,
    ) -> Members:
        """Make a group."""
        check_name("modelPackageGroupName", ModelPackageGroupName)
        tags.check(Tags or [])
        group_arn = arn(call, GROUP_KIND, ModelPackageGroupName)
        created = now()
        record: Record = {
            "name": ModelPackageGroupName,
            "arn": group_arn,
            "created": created,
            "modified": created,
            "status": "Completed",
            "last_version": 0,
        }
        if ModelPackageGroupDescription is not None:
            record["description"] = ModelPackageGroupDescription
        with self.store.transaction():
            if self.store.get(GROUPS, ModelPackageGroupName) is not None:
                raise invalid(f"Model Package Group already exists: {group_arn}")
            self.store.put(GROUPS, ModelPackageGroupName, record)
            tags.add(self.store, group_arn, Tags or [])
        return {"ModelPackageGroupArn": group_arn}

    @operation
    def describe_model_package_group(self, call: Call, ModelPackageGroupName: str) -> Members:
        """A group."""
        return {**_shown(self.group(call, ModelPackageGroupName)), "CreatedBy": {}}

    @operation
    def list_model_package_groups(
        self,
        call: Call,
        CreationTimeAfter: datetime | None = None,
        CreationTimeBefore: datetime | None = None,
        MaxResults: int | None = None,
        NameContains: str | None = None,
        NextToken: str | None = None,
        SortBy: str | None = None,
        SortOrder: str | None = None,
        CrossAccountFilterOption: str | None = None,
    ) -> Members:
        """A page of groups; there is one account, so none is another's."""
        asked = {name: value for name, value in locals().items() if name[0].isupper()}
        check_choice("crossAccountFilterOption", CrossAccountFilterOption, {"SameAccount", "CrossAccount"})
        records = [] if CrossAccountFilterOption == "CrossAccount" else [r for _, r in self.store.scan(GROUPS)]
        page, more = listed(records, asked)
        return {"ModelPackageGroupSummaryList": [_shown(record) for record in page], **more}

    @operation
    def delete_model_package_group(self, call: Call, ModelPackageGroupName: str) -> Members:
        """Delete an empty group."""
        with self.store.transaction():
            record = self.group(call, ModelPackageGroupName)
            if self.store.scan(PACKAGES, f"{record['name']}/", limit=1):
                raise ServiceError(
                    "ConflictException",
                    f"Model Package Group {record['arn']} cannot be deleted because it still contains Model Packages.",
                )
            self.store.delete(GROUPS, record["name"])
            tags.drop(self.store, record["arn"])
        return {}


def _shown(record: Record) -> Members:
    shown: Members = {
        "ModelPackageGroupName": record["name"],
        "ModelPackageGroupArn": record["arn"],
        "CreationTime": moment(record["created"]),
        "ModelPackageGroupStatus": record["status"],
    }
    if "description" in record:
        shown["ModelPackageGroupDescription"] = record["description"]
    return shown
