"""The size of the nodes' root volumes: checked and kept, for there is no node here.

Source: Amazon EMR Management Guide, "Customizing the Amazon EBS root device volume" and "Using a custom AMI": 10 to
100 GiB, from release 6.10 on 15 to 100 GiB (2026-11).
"""

from __future__ import annotations

import re

from headwater.local.services.emr.records import invalid

LARGEST_GIB = 100


def checked_size(size_gib: int | None, label: str) -> None:
    """Refuse a size that a cluster of this release cannot have: ValidationException."""
    smallest_gib = 10 if re.match(r"emr-(5|6\.\d\.)", label) else 15
    if size_gib is not None and not smallest_gib <= size_gib <= LARGEST_GIB:
        raise invalid(
            f"EbsRootVolumeSize of {label} must be between {smallest_gib} and {LARGEST_GIB} GiB, got {size_gib}"
        )
