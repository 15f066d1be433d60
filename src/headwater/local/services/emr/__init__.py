"""Amazon EMR: transient clusters whose steps run on real Spark."""

from __future__ import annotations

from typing import ClassVar

from headwater.local.services.emr.idle import IdleOperations


class EmrService(IdleOperations):
    """Every operation of EMR that is computed here."""

    name: ClassVar[str] = "emr"
