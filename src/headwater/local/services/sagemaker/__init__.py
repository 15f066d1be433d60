"""SageMaker: processing jobs, training jobs in script mode, the model registry.

Jobs run for real, under the /opt/ml contract (:mod:`headwater.local.engines.container`), with their role's rights.
What is not here (built-in algorithms, other images, tuning, transform, endpoints, pipelines) is refused by name.
"""

from __future__ import annotations

import shutil

from headwater.local.services.sagemaker.model_packages import ModelPackageOperations
from headwater.local.services.sagemaker.processing import ProcessingOperations
from headwater.local.services.sagemaker.search import SearchOperations
from headwater.local.services.sagemaker.tags import TagOperations

__all__ = ["SageMakerService"]


class SageMakerService(SearchOperations, ProcessingOperations, ModelPackageOperations, TagOperations):
    """The service."""

    def start(self) -> None:
        """Fail what an earlier process left in flight, and remove its files."""
        self.interrupt_training_jobs()
        self.interrupt_processing_jobs()
        shutil.rmtree(self.endpoint.home / "sagemaker", ignore_errors=True)
