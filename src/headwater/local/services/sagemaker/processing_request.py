"""What CreateProcessingJob may ask for, checked before anything is kept.

Taken and only echoed: NetworkConfig's VpcConfig and traffic encryption, encryption keys, volume sizes.
"""

from __future__ import annotations

from posixpath import normpath

from headwater.local.service import Members
from headwater.local.services.sagemaker.errors import check_choice, check_name, check_range, invalid, not_computed
from headwater.local.services.sagemaker.training_request import check_one_instance
from headwater.local.services.sagemaker.transfer import S3Uri

MAX_RUNTIME_S = 86_400
LONGEST_S = 777_600  # 9 days
MAX_INPUTS = MAX_OUTPUTS = 10
OPT_ML = "/opt/ml"


def check_processing(request: Members) -> None:
    """Refuse what AWS refuses, and by name what is not computed here."""
    check_name("processingJobName", request["ProcessingJobName"])
    if request.get("ExperimentConfig"):
        raise not_computed("CreateProcessingJob's ExperimentConfig")
    if (request.get("NetworkConfig") or {}).get("EnableNetworkIsolation"):
        raise not_computed("EnableNetworkIsolation", "Jobs share this machine's network.")
    if not request["AppSpecification"].get("ContainerEntrypoint"):
        raise not_computed(
            "a processing job without ContainerEntrypoint", "An image's own entry point is not on this machine."
        )
    check_one_instance(request["ProcessingResources"]["ClusterConfig"])
    limit = (request.get("StoppingCondition") or {}).get("MaxRuntimeInSeconds")
    check_range("stoppingCondition.maxRuntimeInSeconds", limit, 1, LONGEST_S)
    inputs = request.get("ProcessingInputs") or []
    outputs = (request.get("ProcessingOutputConfig") or {}).get("Outputs") or []
    for kind, items, most in (("input", inputs, MAX_INPUTS), ("output", outputs, MAX_OUTPUTS)):
        if len(items) > most:
            raise invalid(f"A processing job has at most {most} {kind}s, got {len(items)}")
    check_unique("input", [item["InputName"] for item in inputs])
    check_unique("output", [item["OutputName"] for item in outputs])
    for item in inputs:
        input_source(item)
    for item in outputs:
        output_target(item)


def check_unique(kind: str, names: list[str]) -> None:
    """Refuse a name given twice."""
    if len(set(names)) < len(names):
        raise invalid(f"Processing {kind} names must be unique, got {', '.join(names)}")


def input_source(item: Members) -> tuple[S3Uri, str]:
    """Where an input comes from, and its path below /opt/ml."""
    where = f"ProcessingInputs {item['InputName']}"
    source = item.get("S3Input")
    if not source or item.get("DatasetDefinition"):
        raise not_computed(f"{where} without S3Input")
    if source["S3DataType"] != "S3Prefix":
        raise not_computed(f"{where}: S3DataType {source['S3DataType']}", "Use S3Prefix.")
    if source.get("S3InputMode", "File") != "File":
        raise not_computed(f"{where}: S3InputMode {source['S3InputMode']}", "Use File.")
    if source.get("S3CompressionType", "None") != "None":
        raise not_computed(f"{where}: S3CompressionType {source['S3CompressionType']}")
    return S3Uri.parse(source["S3Uri"]), _below(where, source.get("LocalPath"))


def output_target(item: Members) -> tuple[str, S3Uri, bool]:
    """The path of an output below /opt/ml, where it goes, and whether it goes while the job runs."""
    where = f"ProcessingOutputConfig {item['OutputName']}"
    target = item.get("S3Output")
    if not target or item.get("FeatureStoreOutput"):
        raise not_computed(f"{where} without S3Output")
    check_choice("s3UploadMode", target["S3UploadMode"], {"Continuous", "EndOfJob"})
    return _below(where, target.get("LocalPath")), S3Uri.parse(target["S3Uri"]), target["S3UploadMode"] == "Continuous"


def _below(where: str, path: str | None) -> str:
    if not path:
        raise invalid(f"{where}: LocalPath is required")
    plain = normpath(path)
    if not plain.startswith(f"{OPT_ML}/"):
        raise not_computed(f"{where}: LocalPath {path}", f"Paths below {OPT_ML} belong to the job.")
    return plain[len(OPT_ML) + 1 :]
