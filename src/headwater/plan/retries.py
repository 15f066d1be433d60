"""Which errors of which service are transient, and how they are retried: back-off, full jitter, a cap.

Error names as Step Functions reports them: `<Service>.<Exception>` (developer guide, "Handling errors in Step Functions
workflows" and "Best practices: handle transient Lambda service exceptions"; the services' API references; read
2026-11). What a service's model does not name, throttling as well as a refusal for good, comes under one name of its
client (`SageMaker.AmazonSageMakerException`): these are retried briefly, so that a refusal shows within seconds. Where
documentation and model spell an error with and without `Exception`, both are there.

A job that ran and failed is States.TaskFailed: it is retried only when the stage says `retries=`, for a broken script
would only break again. States.Timeout is never retried.
"""

from __future__ import annotations

from typing import Any

# Beyond a job's own time limit: the service's own time-out says more than States.Timeout, so it comes first.
GRACE_S = 300

# kind → errors that pass with time
TRANSIENT: dict[str, tuple[str, ...]] = {
    "crawler": (
        "Glue.CrawlerRunningException",
        "Glue.OperationTimeoutException",
        "Glue.SdkClientException",
        "Glue.ThrottlingException",
    ),
    "function": (
        "Lambda.ClientExecutionTimeoutException",
        "Lambda.SdkClientException",
        "Lambda.ServiceException",
        "Lambda.TooManyRequestsException",
    ),
    "emr-serverless": (
        "EMRServerless.ConflictException",
        "EMRServerless.InternalServerException",
        "EMRServerless.SdkClientException",
        "EMRServerless.ServiceQuotaExceededException",
    ),
    "emr": (
        "StepFunctions.ExecutionLimitExceeded",
        "StepFunctions.ExecutionLimitExceededException",
        "StepFunctions.SdkClientException",
    ),
    "emr-cluster": (
        "ElasticMapReduce.InternalServerError",
        "ElasticMapReduce.InternalServerException",
        "ElasticMapReduce.SdkClientException",
    ),
    "gate": ("S3.SdkClientException",),
    "processing": (
        "SageMaker.ResourceLimitExceeded",
        "SageMaker.ResourceLimitExceededException",
        "SageMaker.SdkClientException",
    ),
    "register": ("SageMaker.SdkClientException", "SageMaker.ThrottlingException"),
    "spark": (
        "Glue.ConcurrentRunsExceededException",
        "Glue.InternalServiceException",
        "Glue.OperationTimeoutException",
        "Glue.ResourceNumberLimitExceededException",
        "Glue.SdkClientException",
        "Glue.ThrottlingException",
    ),
    "training": (
        "SageMaker.ResourceLimitExceeded",
        "SageMaker.ResourceLimitExceededException",
        "SageMaker.SdkClientException",
    ),
}

# kind → errors that may be anything; for SageMaker jobs also a name that is taken: the job was started already, by a
# call whose answer was lost, and the next attempt has a name of its own
AMBIGUOUS: dict[str, tuple[str, ...]] = {
    "crawler": ("Glue.GlueException", "Glue.InternalServiceException"),
    "function": ("Lambda.AWSLambdaException",),
    "emr-serverless": ("EMRServerless.AWSEMRServerlessException",),
    "emr": ("StepFunctions.AWSStepFunctionsException",),
    "emr-cluster": ("ElasticMapReduce.AmazonElasticMapReduceException",),
    "gate": ("S3.S3Exception",),
    "processing": (
        "SageMaker.AmazonSageMakerException",
        "SageMaker.ResourceInUse",
        "SageMaker.ResourceInUseException",
    ),
    "register": ("SageMaker.SageMakerException",),
    "spark": ("Glue.AWSGlueException",),
    "training": (
        "SageMaker.AmazonSageMakerException",
        "SageMaker.ResourceInUse",
        "SageMaker.ResourceInUseException",
    ),
}

# kind → first interval, cap, attempts: a Lambda is back in seconds, capacity and quotas take minutes
_PACE: dict[str, tuple[int, int, int]] = {
    "crawler": (5, 60, 10),
    "function": (1, 30, 6),
    "emr-serverless": (10, 300, 8),
    "emr": (10, 300, 8),
    "emr-cluster": (5, 60, 6),
    "gate": (1, 20, 4),
    "processing": (15, 300, 8),
    "register": (2, 60, 6),
    "spark": (10, 300, 8),
    "training": (15, 300, 8),
}


def retriers(kind: str, retries: int) -> list[dict[str, Any]]:
    """Return the Retry field of a stage's task.

    Parameters
    ----------
    kind:
        The stage's kind; "emr-serverless" and "emr" where EMR runs it, "emr-cluster" for the calls of EMR itself.
    retries:
        How often a task that ran and failed is run again.
    """
    found = [_retrier(TRANSIENT[kind], *_PACE[kind]), _retrier(AMBIGUOUS[kind], 1, 10, 3)]
    if retries:
        found.append(_retrier(("States.TaskFailed",), 30, 600, retries))
    return found


def _retrier(errors: tuple[str, ...], first_s: int, longest_s: int, attempts: int) -> dict[str, Any]:
    return {
        "ErrorEquals": list(errors),
        "IntervalSeconds": first_s,
        "BackoffRate": 2,
        "MaxAttempts": attempts,
        "MaxDelaySeconds": longest_s,
        "JitterStrategy": "FULL",
    }
