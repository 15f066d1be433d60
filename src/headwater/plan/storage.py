"""The lake in the template: bucket, bucket policy, Glue database, tables with a declared schema, model groups.

The bucket and its data outlive the stack (`Retain`): no deploy, update or destroy removes data. Objects are versioned,
so that what a job overwrote or somebody removed can be had back for 7 days; after that old versions go, since a job
that overwrites partitions would otherwise keep every old one at full price. Temporary files go after 7 days and
checkpoints after 30. (The embedded endpoint keeps the setting, and no versions.)
"""

from __future__ import annotations

from typing import Any

from headwater.plan import naming
from headwater.plan.naming import BUCKET, DATABASE
from headwater.plan.policies import only_over_tls
from headwater.plan.tags import stage_tags, tag_list
from headwater.workflow.lake import Dataset
from headwater.workflow.stages import CrawlerStage, RegisterStage
from headwater.workflow.workflow import Workflow

Resources = dict[str, dict[str, Any]]

# format → input format, output format, SerDe, SerDe parameters (Athena user guide, "Supported SerDes", 2026-11)
_HIVE = "org.apache.hadoop.hive"
_TEXT = ("org.apache.hadoop.mapred.TextInputFormat", f"{_HIVE}.ql.io.HiveIgnoreKeyTextOutputFormat")
STORAGE: dict[str, tuple[str, str, str, dict[str, str]]] = {
    "avro": (
        f"{_HIVE}.ql.io.avro.AvroContainerInputFormat",
        f"{_HIVE}.ql.io.avro.AvroContainerOutputFormat",
        f"{_HIVE}.serde2.avro.AvroSerDe",
        {},
    ),
    "csv": (*_TEXT, f"{_HIVE}.serde2.lazy.LazySimpleSerDe", {"field.delim": ","}),
    "json": (*_TEXT, "org.openx.data.jsonserde.JsonSerDe", {}),
    "orc": (
        f"{_HIVE}.ql.io.orc.OrcInputFormat",
        f"{_HIVE}.ql.io.orc.OrcOutputFormat",
        f"{_HIVE}.ql.io.orc.OrcSerde",
        {},
    ),
    "parquet": (
        f"{_HIVE}.ql.io.parquet.MapredParquetInputFormat",
        f"{_HIVE}.ql.io.parquet.MapredParquetOutputFormat",
        f"{_HIVE}.ql.io.parquet.serde.ParquetHiveSerDe",
        {},
    ),
}


def storage(workflow: Workflow) -> Resources:
    """Return the resources of the lake, and those of its datasets."""
    crawled = {d for stage in workflow.stages if isinstance(stage, CrawlerStage) for d in stage.reads}
    found: Resources = {
        BUCKET: _bucket(workflow),
        naming.BUCKET_POLICY: _bucket_policy(),
        DATABASE: _database(workflow),
    }
    for dataset in workflow.lake.datasets:
        if dataset.schema and dataset not in crawled and dataset.format in STORAGE:
            found[naming.dataset_id(dataset, "Table")] = _table(dataset)
    for model in dict.fromkeys(s.reads[0] for s in workflow.stages if isinstance(s, RegisterStage)):
        found[naming.dataset_id(model, "ModelGroup")] = _model_group(workflow, model)
    return found


def _bucket(workflow: Workflow) -> dict[str, Any]:
    rules = [
        {"Id": "temporary", "Prefix": "_headwater/tmp/", "Status": "Enabled", "ExpirationInDays": 7},
        {"Id": "checkpoints", "Prefix": "_headwater/checkpoints/", "Status": "Enabled", "ExpirationInDays": 30},
        {"Id": "logs", "Prefix": "_headwater/logs/", "Status": "Enabled", "ExpirationInDays": 30},
        {
            "Id": "versions",
            "Status": "Enabled",
            "NoncurrentVersionExpiration": {"NoncurrentDays": 7},
            "ExpiredObjectDeleteMarker": True,
        },
        {"Id": "uploads", "Status": "Enabled", "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7}},
    ]
    blocked = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
    encrypted = [{"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]
    return {
        "Type": "AWS::S3::Bucket",
        "DeletionPolicy": "Retain",
        "UpdateReplacePolicy": "Retain",
        "Properties": {
            "BucketName": {"Fn::Sub": f"{workflow.lake.name}-${{AWS::AccountId}}-${{AWS::Region}}"},
            "BucketEncryption": {"ServerSideEncryptionConfiguration": encrypted},
            "LifecycleConfiguration": {"Rules": rules},
            "OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
            "PublicAccessBlockConfiguration": dict.fromkeys(blocked, True),
            "Tags": tag_list(stage_tags(workflow)),
            "VersioningConfiguration": {"Status": "Enabled"},
        },
    }


def _bucket_policy() -> dict[str, Any]:
    whole = [{"Fn::Sub": f"${{{BUCKET}.Arn}}"}, {"Fn::Sub": f"${{{BUCKET}.Arn}}/*"}]
    document = {"Version": "2012-10-17", "Statement": [only_over_tls("s3:*", whole)]}
    return {"Type": "AWS::S3::BucketPolicy", "Properties": {"Bucket": {"Ref": BUCKET}, "PolicyDocument": document}}


def _database(workflow: Workflow) -> dict[str, Any]:
    description = f"Datasets of the lake {workflow.lake.name}"
    return {
        "Type": "AWS::Glue::Database",
        "Properties": {
            "CatalogId": {"Ref": "AWS::AccountId"},
            "DatabaseInput": {"Name": workflow.lake.database, "Description": description},
        },
    }


def _table(dataset: Dataset) -> dict[str, Any]:
    reads, writes, serde, parameters = STORAGE[dataset.format]
    return {
        "Type": "AWS::Glue::Table",
        "Properties": {
            "CatalogId": {"Ref": "AWS::AccountId"},
            "DatabaseName": {"Ref": DATABASE},
            "TableInput": {
                "Name": dataset.name,
                "TableType": "EXTERNAL_TABLE",
                "Parameters": {"classification": dataset.format, "EXTERNAL": "TRUE"},
                "PartitionKeys": [{"Name": column, "Type": "string"} for column in dataset.partitions],
                "StorageDescriptor": {
                    "Columns": [{"Name": column, "Type": kind} for column, kind in dataset.schema],
                    "Location": {"Fn::Sub": f"s3://${{{BUCKET}}}/{dataset.prefix}"},
                    "InputFormat": reads,
                    "OutputFormat": writes,
                    "SerdeInfo": {"SerializationLibrary": serde, "Parameters": parameters},
                },
            },
        },
    }


def _model_group(workflow: Workflow, model: Dataset) -> dict[str, Any]:
    return {
        "Type": "AWS::SageMaker::ModelPackageGroup",
        # Registered models are data; and SageMaker deletes only an empty group, so a stack's deletion would fail.
        "DeletionPolicy": "Retain",
        "UpdateReplacePolicy": "Retain",
        "Properties": {
            "ModelPackageGroupName": naming.model_group_name(workflow.name, model),
            "ModelPackageGroupDescription": f"Versions of {model.name} from the workflow {workflow.name}",
            "Tags": tag_list(stage_tags(workflow)),
        },
    }
