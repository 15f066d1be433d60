"""The SageMaker framework images, and the AWS accounts that publish them in each region.

Source: the SageMaker Python SDK's image tables for scikit-learn and XGBoost (aws/sagemaker-python-sdk,
`image_uri_config/{sklearn,xgboost}.json`) and SageMaker's "Docker registry paths", read 2026-11-22. Both frameworks are
published by the same account of a region. Regions outside the `aws` partition are left out.
"""

from __future__ import annotations

READ_ON = "2026-11-22"

# framework → repository, tag
IMAGES: dict[str, tuple[str, str]] = {
    "sklearn": ("sagemaker-scikit-learn", "1.2-1-cpu-py3"),
    "xgboost": ("sagemaker-xgboost", "3.0-5"),
}

ACCOUNTS: dict[str, str] = {
    "af-south-1": "510948584623",
    "ap-east-1": "651117190479",
    "ap-northeast-1": "354813040037",
    "ap-northeast-2": "366743142698",
    "ap-northeast-3": "867004704886",
    "ap-south-1": "720646828776",
    "ap-south-2": "628508329040",
    "ap-southeast-1": "121021644041",
    "ap-southeast-2": "783357654285",
    "ap-southeast-3": "951798379941",
    "ap-southeast-4": "106583098589",
    "ca-central-1": "341280168497",
    "eu-central-1": "492215442770",
    "eu-central-2": "680994064768",
    "eu-north-1": "662702820516",
    "eu-south-1": "978288397137",
    "eu-south-2": "104374241257",
    "eu-west-1": "141502667606",
    "eu-west-2": "764974769150",
    "eu-west-3": "659782779980",
    "me-central-1": "272398656194",
    "me-south-1": "801668240914",
    "sa-east-1": "737474898029",
    "us-east-1": "683313688378",
    "us-east-2": "257758044811",
    "us-west-1": "746614075791",
    "us-west-2": "246618743249",
}

MAPPING = "FrameworkImages"


def mapping() -> dict[str, dict[str, str]]:
    """Return the template's mapping of region to publishing account."""
    return {region: {"Account": account} for region, account in ACCOUNTS.items()}


def image_uri(framework: str) -> dict[str, object]:
    """Return the image's URI as a template value."""
    repository, tag = IMAGES[framework]
    uri = f"${{Account}}.dkr.ecr.${{AWS::Region}}.${{AWS::URLSuffix}}/{repository}:{tag}"
    return {"Fn::Sub": [uri, {"Account": _account()}]}


def repository_arn(framework: str) -> dict[str, object]:
    """Return the ARN of the image's repository as a template value."""
    arn = f"arn:${{AWS::Partition}}:ecr:${{AWS::Region}}:${{Account}}:repository/{IMAGES[framework][0]}"
    return {"Fn::Sub": [arn, {"Account": _account()}]}


def _account() -> dict[str, object]:
    return {"Fn::FindInMap": [MAPPING, {"Ref": "AWS::Region"}, "Account"]}


def image_placeholder(framework: str) -> str:
    """Return what stands for a framework's image in the definition."""
    return f"${{{image_id(framework)}}}"


def image_id(framework: str) -> str:
    """Return the name of a framework's image in the definition's substitutions."""
    if framework not in IMAGES:
        raise KeyError(framework)
    return f"Image{framework.capitalize()}"
