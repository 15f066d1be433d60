"""The sample project, planned once."""

from tests.unit.plan.conftest import sample

__all__ = ["sample"]
