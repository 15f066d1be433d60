"""What AWS calls valid names, and how Headwater derives one from another.

Rules are quoted from the API references of the services (read from botocore 1.44's models, and S3's bucket naming
rules), November 2026. A derived name that is too long is cut and ends in six hex digits of its hash: the same name each
time, and different for different stages.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass


@dataclass(frozen=True)
class NameRule:
    """A pattern that a whole name must match, at most ``longest`` characters, and where AWS says so."""

    pattern: str
    longest: int
    rule: str

    def allows(self, name: object) -> bool:
        """Tell whether AWS would take the name."""
        return isinstance(name, str) and len(name) <= self.longest and re.fullmatch(self.pattern, name) is not None


COLUMN = NameRule(
    r"[a-z_][a-z0-9_]*",
    255,
    "a Glue column name is lower-case letters, digits and _, at most 255 characters (Glue folds names to lower case)",
)
DATASET = NameRule(
    r"[a-z][a-z0-9_]*",
    64,
    "a Glue table name is lower-case letters, digits and _ (Glue folds names to lower case), and a SageMaker channel "
    "name has at most 64 characters",
)
LAKE = NameRule(
    r"(?!xn--|sthree-|amzn-s3-demo-)[a-z0-9][a-z0-9-]*[a-z0-9]",
    35,
    "an S3 bucket name is lower-case letters, digits and hyphens, begins and ends with a letter or digit, does not "
    "begin with xn--, sthree- or amzn-s3-demo-, and has at most 63 characters, of which the account and region take 28",
)
METRIC = NameRule(r"[A-Za-z_][A-Za-z0-9_]*", 255, "a metric name is letters, digits and _, not beginning with a digit")
PARAMETER = NameRule(
    r"[a-zA-Z_][a-zA-Z0-9_]*",
    256,
    "a SageMaker environment variable matches [a-zA-Z_][a-zA-Z0-9_]* and has at most 256 characters",
)
STAGE = NameRule(
    r"[A-Za-z][A-Za-z0-9]*([ _-]+[A-Za-z0-9]+)*",
    60,
    "a state name has at most 80 characters (60 for a stage, whose helper states have longer names), and a SageMaker "
    "job name matches [a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}, so a stage's name is letters, digits, and between them spaces, "
    "hyphens or underscores, beginning with a letter",
)
TAG_KEY = NameRule(
    r"(?!(?i:aws:))[\w .:/=+@-]+",
    128,
    "a tag key is 1 to 128 letters, digits, spaces and _ . : / = + - @, and does not begin with aws:",
)
TAG_VALUE = NameRule(r"[\w .:/=+@-]*", 256, "a tag value is at most 256 letters, digits, spaces and _ . : / = + - @")
WORKFLOW = NameRule(
    r"[A-Za-z](-*[A-Za-z0-9])*",
    80,
    "a CloudFormation stack name matches [a-zA-Z][-a-zA-Z0-9]*, and a state machine name has at most 80 characters",
)


def slug(name: str) -> str:
    """Return a stage's name as resources carry it: lower case, hyphens for what is not alphanumeric."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def logical_id(name: str, suffix: str = "") -> str:
    """Return a CloudFormation logical id: alphanumeric, in Pascal case."""
    return "".join(part[:1].upper() + part[1:] for part in re.split(r"[^A-Za-z0-9]+", name)) + suffix


def shorten(name: str, longest: int) -> str:
    """Return the name, cut to ``longest`` characters with six hex digits of its hash at the end if it is longer."""
    if len(name) <= longest:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:6]
    return f"{name[: longest - 7].rstrip('-')}-{digest}"


def resource_name(workflow: str, stage: str, longest: int) -> str:
    """Return `<workflow>-<stage>` within AWS's limit."""
    return shorten(f"{slug(workflow)}-{slug(stage)}", longest)
