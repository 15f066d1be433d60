"""What CreateTrainingJob may ask for, checked before anything is kept.

Taken and only echoed, since nothing here depends on them: VpcConfig, encryption keys, volume sizes, RetryStrategy,
DebugHookConfig and ProfilerConfig (nothing is profiled: ProfilingStatus says Disabled). FastFile input is downloaded
before the start like File: the script sees the same files.
"""

from __future__ import annotations

from typing import Any

from headwater.local.service import Members
from headwater.local.services.sagemaker.errors import check_name, check_range, invalid, not_computed
from headwater.local.services.sagemaker.transfer import S3Uri

MAX_RUNTIME_S = 86_400
LONGEST_S = 2_419_200  # 28 days
MAX_CHANNELS = 20
MAX_HYPERPARAMETERS = 100

UNCOMPUTED = (
    "DebugRuleConfigurations",
    "ExperimentConfig",
    "InfraCheckConfig",
    "MlflowConfig",
    "ModelPackageConfig",
    "ProfilerRuleConfigurations",
    "RemoteDebugConfig",
    "ServerlessJobConfig",
    "SessionChainingConfig",
    "TensorBoardOutputConfig",
)


def check_training(request: Members) -> None:
    """Refuse what AWS refuses, and by name what is not computed here."""
    check_name("trainingJobName", request["TrainingJobName"])
    for member in UNCOMPUTED:
        if request.get(member):
            raise not_computed(f"CreateTrainingJob's {member}")
    if request.get("EnableNetworkIsolation"):
        raise not_computed("EnableNetworkIsolation", "Jobs share this machine's network.")
    if len(request.get("HyperParameters") or {}) > MAX_HYPERPARAMETERS:
        raise invalid(f"A training job has at most {MAX_HYPERPARAMETERS} hyperparameters")
    _check_algorithm(request["AlgorithmSpecification"])
    check_one_instance(request.get("ResourceConfig") or {})
    _check_times(request)
    S3Uri.parse(request["OutputDataConfig"]["S3OutputPath"])
    if request.get("CheckpointConfig"):
        S3Uri.parse(request["CheckpointConfig"]["S3Uri"])
    channels = request.get("InputDataConfig") or []
    if len(channels) > MAX_CHANNELS:
        raise invalid(f"A training job has at most {MAX_CHANNELS} channels, got {len(channels)}")
    names = [channel["ChannelName"] for channel in channels]
    if len(set(names)) < len(names):
        raise invalid(f"Channel names must be unique, got {', '.join(names)}")
    for channel in channels:
        channel_source(channel)


def _check_algorithm(algorithm: Members) -> None:
    for member in ("AlgorithmName", "ContainerEntrypoint", "ContainerArguments", "TrainingImageConfig"):
        if algorithm.get(member):
            raise not_computed(f"AlgorithmSpecification.{member}")
    if not algorithm.get("TrainingImage"):
        raise invalid("AlgorithmSpecification: TrainingImage is required")
    if algorithm["TrainingInputMode"] == "Pipe":
        raise not_computed("TrainingInputMode Pipe", "Use File or FastFile.")


def check_one_instance(resources: Members) -> None:
    """Refuse clusters."""
    for member in ("InstanceGroups", "InstancePlacementConfig", "KeepAlivePeriodInSeconds", "TrainingPlanArn"):
        if resources.get(member):
            raise not_computed(f"ResourceConfig.{member}")
    count = resources.get("InstanceCount", 1)
    if count != 1:
        raise not_computed(f"InstanceCount {count}", "Jobs run on one instance, this machine.")


def _check_times(request: Members) -> None:
    limits = request.get("StoppingCondition") or {}
    spot = bool(request.get("EnableManagedSpotTraining"))
    runtime = limits.get("MaxRuntimeInSeconds", MAX_RUNTIME_S)
    check_range("stoppingCondition.maxRuntimeInSeconds", runtime, 1, LONGEST_S)
    if limits.get("MaxPendingTimeInSeconds"):
        raise not_computed("StoppingCondition.MaxPendingTimeInSeconds")
    wait = limits.get("MaxWaitTimeInSeconds")
    if not spot and wait is not None:
        raise invalid("MaxWaitTimeInSeconds is only applicable for Managed Spot Training jobs.")
    if spot and wait is None:
        raise invalid("MaxWaitTimeInSeconds must be provided for Managed Spot Training jobs.")
    if spot and wait < runtime:
        raise invalid(
            f"Invalid MaxWaitTimeInSeconds. It must be present and be greater than or equal to MaxRuntimeInSeconds, "
            f"got {wait} and {runtime}"
        )


def channel_source(channel: Members) -> S3Uri:
    """The S3 prefix of a channel; refuses other sources."""
    where = f"InputDataConfig channel {channel['ChannelName']}"
    source: dict[str, Any] | None = (channel.get("DataSource") or {}).get("S3DataSource")
    if not source:
        raise not_computed(f"{where} without S3DataSource")
    if source["S3DataType"] != "S3Prefix":
        raise not_computed(f"{where}: S3DataType {source['S3DataType']}", "Use S3Prefix.")
    if channel.get("InputMode") == "Pipe":
        raise not_computed(f"{where}: InputMode Pipe", "Use File or FastFile.")
    for member, plain in (("CompressionType", "None"), ("RecordWrapperType", "None"), ("ShuffleConfig", None)):
        if channel.get(member) not in (None, plain):
            raise not_computed(f"{where}: {member}")
    for member in ("AttributeNames", "InstanceGroupNames", "ModelAccessConfig", "HubAccessConfig"):
        if source.get(member):
            raise not_computed(f"{where}: {member}")
    return S3Uri.parse(source["S3Uri"])


def without_none(members: Members) -> Members:
    """The members that have a value."""
    return {name: value for name, value in members.items() if value is not None}
