"""Every resource type whose API is here: made, changed, and deleted for real, through its service's own API."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.local.services.cloudformation.conftest import reasons, settled

Deploy = Callable[..., dict[str, Any]]
Aws = Callable[..., Any]


def trust(service: str) -> dict[str, Any]:
    """The trust policy of a service's role."""
    allow = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    return {"Version": "2012-10-17", "Statement": [allow]}


def resource(kind: str, **properties: Any) -> dict[str, Any]:
    """A member of Resources."""
    return {"Type": f"AWS::{kind}", "Properties": properties}


POLICY = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:ListAllMyBuckets", "Resource": "*"}]}


def deployed(cfn: Any, deploy: Deploy, name: str, resources: Any, update: bool = False, **options: Any) -> None:
    """Deploy, and show the events when it is not complete."""
    stack = deploy(name, {"Resources": resources}, update=update, **options)
    failed = [event for event in reasons(cfn, stack["StackId"]) if "FAILED" in event[1]]
    assert stack["StackStatus"] == ("UPDATE_COMPLETE" if update else "CREATE_COMPLETE"), failed


def removed(cfn: Any, name: str) -> None:
    """Delete, and show the events when it is not gone."""
    stack_id = cfn.describe_stacks(StackName=name)["Stacks"][0]["StackId"]
    cfn.delete_stack(StackName=name)
    failed = [event for event in reasons(cfn, stack_id) if "FAILED" in event[1]]
    assert settled(cfn, stack_id)["StackStatus"] == "DELETE_COMPLETE", failed


def test_identity(cfn: Any, deploy: Deploy, aws: Aws) -> None:
    def template(days: str, extra: bool) -> dict[str, Any]:
        return {
            "Managed": resource("IAM::ManagedPolicy", PolicyDocument=POLICY, Roles=[{"Ref": "Role"}]),
            "Profile": resource("IAM::InstanceProfile", Roles=[{"Ref": "Role"}]),
            "Role": resource(
                "IAM::Role",
                AssumeRolePolicyDocument=trust("ec2.amazonaws.com"),
                MaxSessionDuration=days,
                Policies=[{"PolicyName": "in", "PolicyDocument": POLICY}] if extra else [],
                RoleName="reader",
            ),
            "User": resource("IAM::User", Policies=[{"PolicyName": "in", "PolicyDocument": POLICY}], UserName="u"),
        }

    deployed(cfn, deploy, "identity", template("3600", True))
    iam = aws("iam")
    assert iam.list_role_policies(RoleName="reader")["PolicyNames"] == ["in"]
    assert len(iam.list_attached_role_policies(RoleName="reader")["AttachedPolicies"]) == 1
    deployed(cfn, deploy, "identity", template("7200", False), update=True)
    assert iam.get_role(RoleName="reader")["Role"]["MaxSessionDuration"] == 7200
    assert iam.list_role_policies(RoleName="reader")["PolicyNames"] == []
    removed(cfn, "identity")
    assert iam.list_roles()["Roles"] == [] and iam.list_policies(Scope="Local")["Policies"] == []


def bucket(**more: Any) -> dict[str, Any]:
    """A bucket with most of its configuration."""
    return resource(
        "S3::Bucket",
        BucketEncryption={
            "ServerSideEncryptionConfiguration": [{"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]
        },
        CorsConfiguration={"CorsRules": [{"AllowedMethods": ["GET"], "AllowedOrigins": ["*"], "MaxAge": "60"}]},
        LifecycleConfiguration={
            "Rules": [
                {"Id": "tmp", "Status": "Enabled", "Prefix": "_headwater/tmp/", "ExpirationInDays": "7"},
                {"Status": "Enabled", "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1}},
            ]
        },
        OwnershipControls={"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
        PublicAccessBlockConfiguration={"BlockPublicAcls": "true", "BlockPublicPolicy": True},
        VersioningConfiguration={"Status": "Suspended"},
        **more,
    )


def test_bucket_is_configured_and_kept_while_it_holds_objects(cfn: Any, deploy: Deploy, aws: Aws) -> None:
    policy = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Deny",
                "Principal": "*",
                "Action": "s3:*",
                "Resource": {"Fn::Sub": "${Lake.Arn}/*"},
                "Condition": {"Bool": {"aws:SecureTransport": "false"}},
            }
        ],
    }
    tags = [{"Key": "a", "Value": "b"}]
    resources = {
        "Lake": bucket(BucketName="lake", Tags=tags),
        "Policy": resource("S3::BucketPolicy", Bucket={"Ref": "Lake"}, PolicyDocument=policy),
    }
    deployed(cfn, deploy, "data", resources)
    s3 = aws("s3")
    rules = s3.get_bucket_lifecycle_configuration(Bucket="lake")["Rules"]
    assert (rules[0]["ID"], rules[0]["Expiration"]["Days"], rules[0]["Filter"]["Prefix"]) == (
        "tmp",
        7,
        "_headwater/tmp/",
    )
    assert s3.get_bucket_cors(Bucket="lake")["CORSRules"][0]["MaxAgeSeconds"] == 60
    assert s3.get_public_access_block(Bucket="lake")["PublicAccessBlockConfiguration"]["BlockPublicAcls"] is True
    assert s3.get_bucket_tagging(Bucket="lake")["TagSet"] == tags
    stored = json.loads(s3.get_bucket_policy(Bucket="lake")["Policy"])
    assert stored["Statement"][0]["Resource"] == "arn:aws:s3:::lake/*"
    changed = {"Lake": resource("S3::Bucket", BucketName="lake")}
    deployed(cfn, deploy, "data", changed, update=True)
    with pytest.raises(s3.exceptions.ClientError):
        s3.get_bucket_lifecycle_configuration(Bucket="lake")
    s3.put_object(Bucket="lake", Key="raw/x", Body=b"1")
    cfn.delete_stack(StackName="data")
    stack = settled(cfn, "data")
    assert stack["StackStatus"] == "DELETE_FAILED"
    assert stack["StackStatusReason"].strip() == "The following resource(s) failed to delete: [Lake]."
    assert any("not empty" in why for name, status, why in reasons(cfn, "data") if status == "DELETE_FAILED")
    s3.delete_object(Bucket="lake", Key="raw/x")
    removed(cfn, "data")


def test_catalog(cfn: Any, deploy: Deploy, aws: Aws) -> None:
    def template(description: str) -> dict[str, Any]:
        account = {"Ref": "AWS::AccountId"}
        columns = [{"Name": "x", "Type": "int"}]
        return {
            "Db": resource(
                "Glue::Database", CatalogId=account, DatabaseInput={"Name": "lake", "Description": description}
            ),
            "Crawl": resource(
                "Glue::Crawler",
                DatabaseName={"Ref": "Db"},
                Name="catalog",
                Role="arn:aws:iam::000000000000:role/none",
                Targets={"S3Targets": [{"Path": "s3://lake/raw/"}]},
                Description=description,
            ),
            "Job": resource(
                "Glue::Job",
                Command={"Name": "glueetl", "ScriptLocation": "s3://lake/x.py", "PythonVersion": "3"},
                Description=description,
                GlueVersion="5.1",
                Name="clean",
                NumberOfWorkers="2",
                Role="arn:aws:iam::000000000000:role/none",
                Timeout=5,
                WorkerType="G.1X",
            ),
            "Table": resource(
                "Glue::Table",
                CatalogId=account,
                DatabaseName={"Ref": "Db"},
                TableInput={
                    "Name": "t",
                    "Description": description,
                    "PartitionKeys": [{"Name": "p", "Type": "string"}],
                    "StorageDescriptor": {"Columns": columns, "Location": "s3://lake/raw/t/"},
                },
            ),
            "Part": resource(
                "Glue::Partition",
                CatalogId=account,
                DatabaseName={"Ref": "Db"},
                TableName={"Ref": "Table"},
                PartitionInput={
                    "Values": ["a"],
                    "Parameters": {"d": description},
                    "StorageDescriptor": {"Columns": columns, "Location": "s3://lake/raw/t/p=a/"},
                },
            ),
        }

    deployed(cfn, deploy, "catalog", template("one"))
    glue = aws("glue")
    assert glue.get_job(JobName="clean")["Job"]["NumberOfWorkers"] == 2
    deployed(cfn, deploy, "catalog", template("two"), update=True)
    assert glue.get_table(DatabaseName="lake", Name="t")["Table"]["Description"] == "two"
    assert glue.get_job(JobName="clean")["Job"]["Description"] == "two"
    assert glue.get_crawler(Name="catalog")["Crawler"]["Description"] == "two"
    partition = glue.get_partition(DatabaseName="lake", TableName="t", PartitionValues=["a"])["Partition"]
    assert partition["Parameters"]["d"] == "two"
    removed(cfn, "catalog")
    assert glue.get_databases()["DatabaseList"] == []


def test_functions_and_machines(cfn: Any, deploy: Deploy, aws: Aws) -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as package:
        package.writestr("app.py", "def handler(event, context):\n    return 1\n")
    s3 = aws("s3")
    s3.create_bucket(Bucket="assets")
    s3.put_object(Bucket="assets", Key="app.zip", Body=archive.getvalue())
    machine = {"StartAt": "End", "States": {"End": {"Type": "Pass", "Result": "${word}", "End": True}}}
    s3.put_object(Bucket="assets", Key="machine.json", Body=json.dumps(machine).encode())

    def template(timeout: int, word: str, **more: Any) -> dict[str, Any]:
        role = {"Fn::GetAtt": ["Role", "Arn"]}
        return {
            "Role": resource("IAM::Role", AssumeRolePolicyDocument=trust("lambda.amazonaws.com")),
            "Fn": resource(
                "Lambda::Function",
                Code={"S3Bucket": "assets", "S3Key": "app.zip"},
                Environment={"Variables": {"WORD": word}},
                Handler="app.handler",
                Role=role,
                Runtime="python3.11",
                Timeout=str(timeout),
            ),
            "Inline": resource(
                "Lambda::Function",
                Code={"ZipFile": "def handler(event, context):\n    return 2\n"},
                Handler="index.handler",
                Role=role,
                Runtime="python3.11",
            ),
            "Allow": resource(
                "Lambda::Permission",
                Action="lambda:InvokeFunction",
                FunctionName={"Ref": "Fn"},
                Principal="s3.amazonaws.com",
            ),
            "Machine": resource(
                "StepFunctions::StateMachine",
                DefinitionS3Location={"Bucket": "assets", "Key": "machine.json"},
                DefinitionSubstitutions={"word": word},
                RoleArn=role,
                StateMachineName="machine",
            ),
            **more,
        }

    version = {
        "V": resource("Lambda::Version", FunctionName={"Ref": "Fn"}),
        "Alias": resource(
            "Lambda::Alias",
            FunctionName={"Ref": "Fn"},
            FunctionVersion={"Fn::GetAtt": ["V", "Version"]},
            Name="live",
        ),
    }
    deployed(cfn, deploy, "code", template(3, "one", **version))
    found = {r["LogicalResourceId"]: r["PhysicalResourceId"] for r in _resources(cfn, "code")}
    deployed(cfn, deploy, "code", template(9, "two", **version), update=True)
    function = aws("lambda").get_function_configuration(FunctionName=found["Fn"])
    assert (function["Timeout"], function["Environment"]["Variables"]["WORD"]) == (9, "two")
    states = aws("stepfunctions").describe_state_machine(stateMachineArn=found["Machine"])
    assert json.loads(states["definition"])["States"]["End"]["Result"] == "two"
    removed(cfn, "code")
    assert aws("lambda").list_functions()["Functions"] == []


def _resources(cfn: Any, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = cfn.describe_stack_resources(StackName=name)["StackResources"]
    return found


def test_messaging(cfn: Any, deploy: Deploy, aws: Aws) -> None:
    def template(name: str) -> dict[str, Any]:
        allow = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*"}
        return {
            "Topic": resource("SNS::Topic", DisplayName=name),
            "Queue": resource("SQS::Queue", VisibilityTimeout=60 if name == "one" else 90),
            "Sub": resource(
                "SNS::Subscription",
                Endpoint={"Fn::GetAtt": ["Queue", "Arn"]},
                Protocol="sqs",
                RawMessageDelivery=name == "one",
                TopicArn={"Ref": "Topic"},
            ),
            "QueuePolicy": resource(
                "SQS::QueuePolicy",
                PolicyDocument={"Version": "2012-10-17", "Statement": [allow]},
                Queues=[{"Ref": "Queue"}],
            ),
            "TopicPolicy": resource(
                "SNS::TopicPolicy",
                PolicyDocument={"Version": "2012-10-17", "Statement": [{**allow, "Action": "sns:Publish"}]},
                Topics=[{"Ref": "Topic"}],
            ),
            "Rule": resource(
                "Events::Rule",
                EventPattern={"source": ["aws.glue"], "detail-type": [name]},
                Targets=[{"Id": "t", "Arn": {"Fn::GetAtt": ["Queue", "Arn"]}}],
            ),
            "Group": resource("Scheduler::ScheduleGroup"),
            "Schedule": resource(
                "Scheduler::Schedule",
                Description=name,
                FlexibleTimeWindow={"Mode": "OFF"},
                GroupName={"Ref": "Group"},
                ScheduleExpression="rate(1 day)",
                Target={"Arn": {"Fn::GetAtt": ["Queue", "Arn"]}, "RoleArn": {"Fn::GetAtt": ["Sender", "Arn"]}},
            ),
            "Sender": resource("IAM::Role", AssumeRolePolicyDocument=trust("scheduler.amazonaws.com")),
        }

    deployed(cfn, deploy, "messages", template("one"), Tags=[{"Key": "Environment", "Value": "demo"}])
    found = {r["LogicalResourceId"]: r["PhysicalResourceId"] for r in _resources(cfn, "messages")}
    sqs = aws("sqs")
    assert sqs.list_queue_tags(QueueUrl=found["Queue"])["Tags"] == {"Environment": "demo"}
    deployed(cfn, deploy, "messages", template("two"), update=True, Tags=[{"Key": "Environment", "Value": "prod"}])
    assert sqs.list_queue_tags(QueueUrl=found["Queue"])["Tags"] == {"Environment": "prod"}
    queue = sqs.get_queue_attributes(QueueUrl=found["Queue"], AttributeNames=["All"])["Attributes"]
    assert queue["VisibilityTimeout"] == "90" and "sqs:SendMessage" in queue["Policy"]
    assert json.loads(aws("events").describe_rule(Name=found["Rule"])["EventPattern"])["detail-type"] == ["two"]
    removed(cfn, "messages")
    assert aws("sns").list_topics()["Topics"] == [] and "QueueUrls" not in sqs.list_queues()


def test_a_metric_filter_needs_its_group_and_takes_over_no_other(cfn: Any, deploy: Deploy, aws: Aws) -> None:
    metric = {"MetricName": "Errors", "MetricNamespace": "Lake", "MetricValue": "1"}
    members = {"FilterName": "errors", "FilterPattern": "ERROR", "LogGroupName": "/aws/x"}
    template = {"Resources": {"Filter": resource("Logs::MetricFilter", **members, MetricTransformations=[metric])}}

    def failure(name: str) -> str:
        stack = deploy(name, template)
        assert stack["StackStatus"] == "ROLLBACK_COMPLETE"
        return next(text for each, _, text in reasons(cfn, stack["StackId"]) if each == "Filter" and "exist" in text)

    assert "The specified log group does not exist" in failure("early")
    aws("logs").create_log_group(logGroupName="/aws/x")
    deployed(cfn, deploy, "one", template["Resources"])
    assert "Metric filter errors already exists" in failure("two")
    assert len(aws("logs").describe_metric_filters()["metricFilters"]) == 1


def test_records(cfn: Any, deploy: Deploy, aws: Aws) -> None:
    def template(text: str) -> dict[str, Any]:
        return {
            "Key": resource("KMS::Key", Description=text, EnableKeyRotation=text == "two"),
            "Alias": resource("KMS::Alias", AliasName="alias/lake", TargetKeyId={"Ref": "Key"}),
            "Param": resource("SSM::Parameter", Name="/lake/x", Type="String", Value=text, Tags={"a": text}),
            "Secret": resource("SecretsManager::Secret", Description=text, GenerateSecretString={"PasswordLength": 20}),
            "Table": resource(
                "DynamoDB::Table",
                AttributeDefinitions=[{"AttributeName": "k", "AttributeType": "S"}],
                BillingMode="PAY_PER_REQUEST",
                KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}],
                TableName="locks",
                TimeToLiveSpecification={"AttributeName": "t", "Enabled": True},
            ),
            "Repo": resource("ECR::Repository", ImageTagMutability="IMMUTABLE" if text == "two" else "MUTABLE"),
            "Group": resource("Logs::LogGroup", LogGroupName="/aws/x", RetentionInDays=7 if text == "one" else 30),
            "Filter": resource(
                "Logs::MetricFilter",
                FilterName="errors",
                FilterPattern="ERROR" if text == "one" else "{ $.level = ERROR && $.job = * }",
                LogGroupName={"Ref": "Group"},
                MetricTransformations=[
                    {"MetricName": "Errors", "MetricNamespace": "Lake", "MetricValue": "1"}
                    | ({"DefaultValue": 0} if text == "one" else {"Dimensions": [{"Key": "job", "Value": "$.job"}]})
                ],
            ),
            "Meta": resource("CDK::Metadata", Analytics=text),
            "Wait": resource("CloudFormation::WaitConditionHandle"),
            "Echo": resource("SNS::Topic", DisplayName="{{resolve:ssm:/before}}"),
        }

    aws("ssm").put_parameter(Name="/before", Type="String", Value="resolved")
    deployed(cfn, deploy, "records", template("one"))
    found = {r["LogicalResourceId"]: r["PhysicalResourceId"] for r in _resources(cfn, "records")}
    secret = aws("secretsmanager").get_secret_value(SecretId=found["Secret"])["SecretString"]
    deployed(cfn, deploy, "records", template("two"), update=True)
    assert aws("secretsmanager").get_secret_value(SecretId=found["Secret"])["SecretString"] == secret
    assert aws("ssm").get_parameter(Name="/lake/x")["Parameter"]["Value"] == "two"
    assert aws("kms").get_key_rotation_status(KeyId=found["Key"])["KeyRotationEnabled"] is True
    assert aws("sns").get_topic_attributes(TopicArn=found["Echo"])["Attributes"]["DisplayName"] == "resolved"
    groups = aws("logs").describe_log_groups(logGroupNamePrefix="/aws/x")["logGroups"]
    assert groups[0]["retentionInDays"] == 30
    (filtered,) = aws("logs").describe_metric_filters(logGroupName="/aws/x")["metricFilters"]
    assert filtered["filterPattern"] == "{ $.level = ERROR && $.job = * }"
    assert filtered["metricTransformations"][0]["dimensions"] == {"job": "$.job"}
    removed(cfn, "records")
    assert aws("logs").describe_metric_filters()["metricFilters"] == []
    assert aws("dynamodb").list_tables()["TableNames"] == []


def test_a_security_configuration_of_emr(cfn: Any, deploy: Deploy, aws: Aws) -> None:
    def template(version: int) -> dict[str, Any]:
        metadata = {"MinimumInstanceMetadataServiceVersion": version, "HttpPutResponseHopLimit": 1}
        document = {"InstanceMetadataServiceConfiguration": metadata}
        return {"Secure": resource("EMR::SecurityConfiguration", SecurityConfiguration=document)}

    emr = aws("emr")
    deployed(cfn, deploy, "s", template(1))
    [made] = emr.list_security_configurations()["SecurityConfigurations"]
    assert made["Name"].startswith("s-Secure-")
    deployed(cfn, deploy, "s", template(2), update=True)
    [again] = emr.list_security_configurations()["SecurityConfigurations"]
    assert again["Name"] != made["Name"]
    kept = emr.describe_security_configuration(Name=again["Name"])["SecurityConfiguration"]
    assert json.loads(kept)["InstanceMetadataServiceConfiguration"]["MinimumInstanceMetadataServiceVersion"] == 2
    emr.delete_security_configuration(Name=again["Name"])  # behind the stack's back, which is well
    removed(cfn, "s")
