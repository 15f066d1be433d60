"""Headwater: declare an AWS data-science workflow, run it for real on a laptop, deploy the same template to AWS.

What a user imports is here and nowhere else. Importing it costs nothing: pure Python, no boto3, pandas, Spark or moto.
"""

from __future__ import annotations

import logging

from headwater.errors import DeclarationError, HeadwaterError, PlanError, WorkflowLoadError
from headwater.workflow.lake import Dataset, Lake
from headwater.workflow.loader import load_workflow
from headwater.workflow.workflow import Workflow

__all__ = [
    "Dataset",
    "DeclarationError",
    "HeadwaterError",
    "Lake",
    "PlanError",
    "Workflow",
    "WorkflowLoadError",
    "load_workflow",
]
__version__ = "0.1.0"

logging.getLogger(__name__).addHandler(logging.NullHandler())
