"""Metric definitions over log lines, and images."""

from __future__ import annotations

import pytest

from headwater.local.service import ServiceError
from headwater.local.services.sagemaker.images import framework_of, repository
from headwater.local.services.sagemaker.metrics import MetricReader


def test_the_last_value_of_each_metric_is_final() -> None:
    reader = MetricReader([{"Name": "auc", "Regex": "auc:([0-9.e-]+)"}, {"Name": "loss", "Regex": "loss=(.*?);"}])
    for line in ("[1] auc:0.5 loss=nan;", "[2] auc:0.75 loss=0.25;", "no metric", "auc:e-"):
        reader("stdout", line)
    assert {m["MetricName"]: m["Value"] for m in reader.final()} == {"auc": 0.75, "loss": 0.25}
    assert len(reader.points) == 3


@pytest.mark.parametrize("regex", ["(", "auc:[0-9]+"])
def test_a_regex_without_a_number_is_refused(regex: str) -> None:
    with pytest.raises(ServiceError, match="Metric auc"):
        MetricReader([{"Name": "auc", "Regex": regex}])


def test_at_most_forty_metrics() -> None:
    with pytest.raises(ServiceError, match="less than or equal to 40"):
        MetricReader([{"Name": str(n), "Regex": "(1)"} for n in range(41)])


def test_framework_images_are_known_by_their_repository() -> None:
    image = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:3.0-5"
    assert repository(image) == "sagemaker-xgboost"
    assert repository("a/b/sagemaker-scikit-learn@sha256:00") == "sagemaker-scikit-learn"
    assert framework_of(image).module == "xgboost"


@pytest.mark.parametrize("image", ["811284229777.dkr.ecr.us-east-1.amazonaws.com/xgboost:1", "python:3.11"])
def test_other_images_are_refused_by_name(image: str) -> None:
    with pytest.raises(ServiceError, match=image):
        framework_of(image)
