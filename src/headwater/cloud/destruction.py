"""Taking a stack away: what goes, what stays, and what is left.

What stays is what the template says so (DeletionPolicy Retain): the lake's bucket with its data, and registered models.
With the data asked for by name, the bucket is emptied, all versions of its objects too, and deleted. An EMR Serverless
application that a run has started is stopped first: DeleteApplication takes one that is CREATED or STOPPED, and
CloudFormation stops none (EMR Serverless API reference; the resource type's handler and its permissions, read 2026-11).
"""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from headwater.cloud.asset_store import AssetStore
from headwater.cloud.session import Cloud, error_code, explain
from headwater.cloud.stack_states import Say, finish_work, unsaid
from headwater.cloud.stacks import OnEvent, Stacks, unheard

BUCKET_TYPE = "AWS::S3::Bucket"
MODELS_TYPE = "AWS::SageMaker::ModelPackageGroup"
MODEL_CODE = "/sourcedir.tar.gz"  # what a registered model's container runs
APPLICATION_TYPE = "AWS::EMRServerless::Application"
RUNNING = ("STARTING", "STARTED", "STOPPING")  # the states of an application that can only be deleted later
KEPT = ("Retain", "RetainExceptOnCreate")


@dataclass(frozen=True)
class Part:
    """One resource of a stack that is to go.

    Parameters
    ----------
    stays:
        Whether its DeletionPolicy keeps it.
    objects, size_bytes:
        What a bucket holds; zero otherwise.
    """

    logical_id: str
    physical_id: str
    type: str
    stays: bool
    objects: int = 0
    size_bytes: int = 0


class Destruction:
    """The end of one stack of one cloud."""

    def __init__(self, cloud: Cloud, stack: str) -> None:
        self._cloud = cloud
        self._s3 = cloud.client("s3")
        self._store = AssetStore(cloud)
        self.stacks = Stacks(cloud)
        self.stack = stack

    def parts(self, say: Say = unsaid, on_event: OnEvent = unheard) -> list[Part] | None:
        """The stack's resources, after waiting for whatever is under way on it; None when there is no stack."""
        if finish_work(self.stacks, self.stack, say, on_event) is None:
            return None
        declared = (self.stacks.template(self.stack) or {}).get("Resources", {})
        found = []
        for resource in self.stacks.resources(self.stack):
            if resource["ResourceStatus"] in ("DELETE_COMPLETE", "DELETE_SKIPPED"):
                continue
            name, kind = str(resource["LogicalResourceId"]), str(resource["ResourceType"])
            physical = str(resource.get("PhysicalResourceId", ""))
            stays = declared.get(name, {}).get("DeletionPolicy") in KEPT
            objects, size_bytes = self._held(physical) if kind == BUCKET_TYPE else (0, 0)
            found.append(Part(name, physical, kind, stays, objects, size_bytes))
        return found

    def _held(self, bucket: str) -> tuple[int, int]:
        """How many objects a bucket holds, and how much."""
        objects = size_bytes = 0
        try:
            for page in self._s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
                for found in page.get("Contents", []):
                    objects, size_bytes = objects + 1, size_bytes + found["Size"]
        except ClientError as error:
            if error_code(error) != "NoSuchBucket":
                raise explain(error) from error
        return objects, size_bytes

    def carry_out(
        self, parts: Collection[Part], data_of: Collection[str], say: Say = unsaid, on_event: OnEvent = unheard
    ) -> int:
        """Delete the stack, the data of the named buckets, and the assets that nothing uses any more.

        Parameters
        ----------
        parts:
            The stack's resources, as :meth:`parts` gave them.
        data_of:
            The buckets that go with all that is in them; the registered models go with them.

        Returns
        -------
        int
            How many assets went.
        """
        whole = [part for part in parts if part.type == BUCKET_TYPE and part.physical_id in data_of]
        for part in whole:
            if not part.stays:  # CloudFormation deletes only an empty bucket
                self._empty(part.physical_id, say)
        for part in parts:
            if part.type == APPLICATION_TYPE:
                self._stop(part.physical_id, say)
        self.stacks.delete(self.stack, on_event)
        for part in whole:
            if part.stays:
                self._empty(part.physical_id, say)
                self._s3.delete_bucket(Bucket=part.physical_id)
                say(f"deleted the bucket {part.physical_id}")
        models = [part for part in parts if part.type == MODELS_TYPE and part.stays]
        if whole:
            for part in models:
                self._remove_models(part.physical_id.rpartition("/")[2], say)
            models = []
        return self._store.remove(self.stack, self._code_of_models() if models else ())

    def _stop(self, application: str, say: Say) -> None:
        """Stop an EMR Serverless application that a run has started: CloudFormation deletes none before that."""
        client = self._cloud.client("emr-serverless")
        try:
            state = client.get_application(applicationId=application)["application"]["state"]
            if state not in RUNNING:
                return
            say(f"stopping the EMR Serverless application {application}")
            client.stop_application(applicationId=application)
            while client.get_application(applicationId=application)["application"]["state"] in RUNNING:
                time.sleep(self._cloud.poll_s)
        except ClientError as error:
            if error_code(error) != "ResourceNotFoundException":
                raise explain(error) from error

    def _code_of_models(self) -> list[str]:
        """The code that registered models run stays with them."""
        return [key for key in self._store.keys_of(self.stack) if key.endswith(MODEL_CODE)]

    def _empty(self, bucket: str, say: Say) -> None:
        """Delete every object, version, delete marker and unfinished upload of a bucket."""
        count = 0
        try:
            for page in self._s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
                found = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
                keys: list[Any] = [{"Key": each["Key"], "VersionId": each["VersionId"]} for each in found]
                if keys:
                    self._s3.delete_objects(Bucket=bucket, Delete={"Objects": keys, "Quiet": True})
                count += len(keys)
            for page in self._s3.get_paginator("list_multipart_uploads").paginate(Bucket=bucket):
                for each in page.get("Uploads", []):
                    self._s3.abort_multipart_upload(Bucket=bucket, Key=each["Key"], UploadId=each["UploadId"])
        except ClientError as error:
            if error_code(error) != "NoSuchBucket":
                raise explain(error) from error
        say(f"deleted {count:,} objects of {bucket}")

    def _remove_models(self, group: str, say: Say) -> None:
        client = self._cloud.client("sagemaker")
        try:
            pages = client.get_paginator("list_model_packages").paginate(ModelPackageGroupName=group)
            found = [one["ModelPackageArn"] for page in pages for one in page["ModelPackageSummaryList"]]
            for arn in found:
                client.delete_model_package(ModelPackageName=arn)
            client.delete_model_package_group(ModelPackageGroupName=group)
        except ClientError as error:
            raise explain(error) from error
        say(f"deleted {len(found)} model versions of {group}")
