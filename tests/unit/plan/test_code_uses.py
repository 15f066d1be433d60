"""What a script's text says of Glue."""

from __future__ import annotations

from pathlib import Path

import pytest

from headwater.plan.code_uses import CodeUses, uses_of


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("spark.read.parquet(args['ORDERS_PATH'])", CodeUses()),
        ('"""Reads the catalog."""  # enableUpdateCatalog, TempDir', CodeUses()),
        ("glue.create_dynamic_frame.from_catalog('d', 't')", CodeUses(catalog=True)),
        ("glue.create_dynamic_frame_from_catalog('d', 't')", CodeUses(catalog=True)),
        ("glue.purge_table('d', 't')", CodeUses(catalog=True)),
        ("glue.write_dynamic_frame.from_catalog(f, 'd', 't')", CodeUses(catalog=True, catalog_updates=True)),
        ("glue.getSink('s3', **{'enableUpdateCatalog': True})", CodeUses(catalog=True, catalog_updates=True)),
        ("sink.setCatalogInfo('d', 't')", CodeUses(catalog=True, catalog_updates=True)),
        ("boto3.client('glue').get_table()", CodeUses(catalog=True, catalog_updates=True)),
        ("frame.relationalize('root', args['TempDir'])", CodeUses(temporary=True)),
    ],
)
def test_names_attributes_and_strings_count(text: str, expected: CodeUses, tmp_path: Path) -> None:
    (tmp_path / "job.py").write_text(text)
    assert uses_of([tmp_path / "job.py"]) == expected


def test_shared_code_counts_and_other_files_do_not(tmp_path: Path) -> None:
    (tmp_path / "job.py").write_text("import common.tables")
    (tmp_path / "tables.py").write_text("def read(glue): return glue.create_data_frame.from_catalog('d', 't')")
    (tmp_path / "notes.txt").write_text("TempDir")
    assert uses_of(tmp_path.iterdir()) == CodeUses(catalog=True)
