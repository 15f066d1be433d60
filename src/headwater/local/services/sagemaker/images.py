"""The images whose jobs run here: AWS's framework images for scikit-learn and XGBoost, in script mode.

An image is known by its repository's name; its tag is not looked at, since the packages are those installed beside
Headwater, whatever the tag says (not faithful to AWS). Every other image is refused: what is in it is not here.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass

from headwater.local.services.sagemaker.errors import not_computed


@dataclass(frozen=True)
class Framework:
    """A framework image.

    Attributes
    ----------
    module:
        What must be importable for its jobs.
    training_module:
        What ``SM_FRAMEWORK_MODULE`` says.
    """

    module: str
    training_module: str


# Repository → framework (Docker registry paths for SageMaker, 2026-11).
FRAMEWORKS: dict[str, Framework] = {
    "sagemaker-scikit-learn": Framework("sklearn", "sagemaker_sklearn_container.training:main"),
    "sagemaker-xgboost": Framework("xgboost", "sagemaker_xgboost_container.training:main"),
}


def repository(image: str) -> str:
    """The repository's name in an image URI, without account, tag and digest."""
    return image.rsplit("/", 1)[-1].split("@", 1)[0].split(":", 1)[0]


def framework_of(image: str) -> Framework:
    """The framework of an image.

    Raises
    ------
    ServiceError
        ValidationException: another image, or one whose framework is not installed.
    """
    framework = FRAMEWORKS.get(repository(image))
    if framework is None:
        raise not_computed(
            f"the image {image}",
            f"It runs scripts for {' and '.join(FRAMEWORKS)}; built-in algorithms and other images need a container.",
        )
    if importlib.util.find_spec(framework.module) is None:
        raise not_computed(
            f"the image {image} without {framework.module}", "Install it with: pip install 'headwater[sagemaker]'"
        )
    return framework
