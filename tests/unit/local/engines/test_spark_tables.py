from __future__ import annotations

import pytest

from headwater.local.engines.spark_tables import asks_for_data_catalog


@pytest.mark.parametrize(
    ("arguments", "asked"),
    [
        ([], False),
        (["--enable-glue-datacatalog"], True),
        (["--enable-glue-datacatalog", "true", "--x", "1"], True),
        (["--enable-glue-datacatalog", "", "--x", "1"], True),
        (["--enable-glue-datacatalog", "false"], False),
    ],
)
def test_the_parameter_alone_asks_for_glues_catalog(arguments: list[str], asked: bool) -> None:
    assert asks_for_data_catalog(arguments) is asked
