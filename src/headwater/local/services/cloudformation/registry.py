"""The resource types that can be deployed here, by name. A type that is not listed is refused by name."""

from __future__ import annotations

import functools

from headwater.local.services.cloudformation import (
    types_emr,
    types_glue,
    types_iam,
    types_lambda,
    types_logs,
    types_messaging,
    types_records,
    types_s3,
    types_sagemaker,
    types_states,
)
from headwater.local.services.cloudformation.resource_type import ResourceType
from headwater.local.services.cloudformation.template import Template, parse

RESOURCE_TYPES: dict[str, ResourceType] = {
    "AWS::CDK::Metadata": types_records.CdkMetadata(),
    "AWS::CloudFormation::WaitConditionHandle": types_records.WaitConditionHandle(),
    "AWS::CloudWatch::Alarm": types_logs.Alarm(),
    "AWS::CloudWatch::Dashboard": types_logs.Dashboard(),
    "AWS::DynamoDB::Table": types_records.Table(),
    "AWS::ECR::Repository": types_records.Repository(),
    "AWS::EMR::Cluster": types_emr.Cluster(),
    "AWS::EMR::SecurityConfiguration": types_emr.SecurityConfiguration(),
    "AWS::EMRServerless::Application": types_records.Application(),
    "AWS::Events::Rule": types_messaging.Rule(),
    "AWS::Glue::Crawler": types_glue.Crawler(),
    "AWS::Glue::Database": types_glue.Database(),
    "AWS::Glue::Job": types_glue.Job(),
    "AWS::Glue::Partition": types_glue.Partition(),
    "AWS::Glue::Table": types_glue.Table(),
    "AWS::Glue::Trigger": types_glue.Trigger(),
    "AWS::IAM::InstanceProfile": types_iam.InstanceProfile(),
    "AWS::IAM::ManagedPolicy": types_iam.ManagedPolicy(),
    "AWS::IAM::Policy": types_iam.Policy(),
    "AWS::IAM::Role": types_iam.Role(),
    "AWS::IAM::User": types_iam.User(),
    "AWS::KMS::Alias": types_records.Alias(),
    "AWS::KMS::Key": types_records.Key(),
    "AWS::Lambda::Alias": types_lambda.Alias(),
    "AWS::Lambda::Function": types_lambda.Function(),
    "AWS::Lambda::Permission": types_lambda.Permission(),
    "AWS::Lambda::Version": types_lambda.Version(),
    "AWS::Logs::LogGroup": types_logs.LogGroup(),
    "AWS::Logs::MetricFilter": types_logs.MetricFilter(),
    "AWS::S3::Bucket": types_s3.Bucket(),
    "AWS::S3::BucketPolicy": types_s3.BucketPolicy(),
    "AWS::SNS::Subscription": types_messaging.Subscription(),
    "AWS::SNS::Topic": types_messaging.Topic(),
    "AWS::SNS::TopicPolicy": types_messaging.TopicPolicy(),
    "AWS::SQS::Queue": types_messaging.Queue(),
    "AWS::SQS::QueuePolicy": types_messaging.QueuePolicy(),
    "AWS::SSM::Parameter": types_records.Parameter(),
    "AWS::SageMaker::Endpoint": types_sagemaker.Endpoint(),
    "AWS::SageMaker::EndpointConfig": types_sagemaker.EndpointConfig(),
    "AWS::SageMaker::Model": types_sagemaker.Model(),
    "AWS::SageMaker::ModelPackageGroup": types_sagemaker.ModelPackageGroup(),
    "AWS::Scheduler::Schedule": types_messaging.Schedule(),
    "AWS::Scheduler::ScheduleGroup": types_messaging.ScheduleGroup(),
    "AWS::SecretsManager::Secret": types_records.Secret(),
    "AWS::StepFunctions::Activity": types_states.Activity(),
    "AWS::StepFunctions::StateMachine": types_states.StateMachine(),
}


@functools.lru_cache(maxsize=32)
def parse_known(body: str) -> Template:
    """A checked template of these types; kept, since a stack that is followed is described often. Never changed."""
    return parse(body, RESOURCE_TYPES)
