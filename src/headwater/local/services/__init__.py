"""The services that Headwater computes itself: botocore's name → where the class is.

Imported lazily, so that an endpoint pays only for what is called.
"""

from __future__ import annotations

SERVICES: dict[str, str] = {
    "cloudformation": "headwater.local.services.cloudformation:CloudFormationService",
    "cloudwatch": "headwater.local.services.cloudwatch:CloudWatchService",
    "emr": "headwater.local.services.emr:EmrService",
    "emr-serverless": "headwater.local.services.emr_serverless:EmrServerlessService",
    "events": "headwater.local.services.events:EventsService",
    "glue": "headwater.local.services.glue:GlueService",
    "iam": "headwater.local.services.iam:IamService",
    "lambda": "headwater.local.services.lambda_:LambdaService",
    "logs": "headwater.local.services.logs:LogsService",
    "resourcegroupstaggingapi": "headwater.local.services.tagging:TaggingService",
    "s3": "headwater.local.services.s3:S3Service",
    "sagemaker": "headwater.local.services.sagemaker:SageMakerService",
    "scheduler": "headwater.local.services.scheduler:SchedulerService",
    "stepfunctions": "headwater.local.services.states:StatesService",
    "sts": "headwater.local.services.sts:StsService",
}
