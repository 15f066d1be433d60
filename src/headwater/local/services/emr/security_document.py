"""The JSON of a security configuration: what EMR takes, and what of it is computed here.

Checked are the names, the values and what a value makes necessary. Authentication (Kerberos, IAM Identity Center) and
authorization by EMRFS role mappings, Lake Formation or Ranger are refused by name, for no cluster here could obey them.

Not faithful to AWS: the text of a refusal but for invalid properties; keys, certificates and providers that a document
names are not looked up. A member that AWS introduced after the date below is refused as invalid.

Source: Amazon EMR Management Guide, "Create a security configuration" and "Runtime roles for Amazon EMR steps"
(2026-11); the text for invalid properties as shown in awsdocs/amazon-emr-management-guide, pull request 23 (2019-08).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from headwater.local.service import Members, ServiceError

BOOLEAN, TEXT = object(), object()
_TLS = {"CertificateProviderType": ("PEM", "Custom"), "S3Object": TEXT, "CertificateProviderClass": TEXT}
_KEY = {"AwsKmsKey": TEXT, "S3Object": TEXT, "EncryptionKeyProviderClass": TEXT}
_S3 = {"EncryptionMode": ("SSE-S3", "SSE-KMS", "CSE-KMS", "CSE-Custom"), **_KEY}
_DISK = {"EncryptionKeyProviderType": ("AwsKms", "Custom"), "EnableEbsEncryption": BOOLEAN, **_KEY}
# A member → what it holds: members of its own, one of some texts, a whole number of a range, a boolean, a text.
DOCUMENT: dict[str, Any] = {
    "AuthorizationConfiguration": {"IAMConfiguration": {"EnableApplicationScopedIAMRole": BOOLEAN}},
    "EncryptionConfiguration": {
        "EnableInTransitEncryption": BOOLEAN,
        "EnableAtRestEncryption": BOOLEAN,
        "InTransitEncryptionConfiguration": {"TLSCertificateConfiguration": _TLS},
        "AtRestEncryptionConfiguration": {"S3EncryptionConfiguration": _S3, "LocalDiskEncryptionConfiguration": _DISK},
    },
    "InstanceMetadataServiceConfiguration": {
        "MinimumInstanceMetadataServiceVersion": range(1, 3),
        "HttpPutResponseHopLimit": range(1, 65),
    },
}
# Members that EMR takes and no cluster here can obey.
NOT_COMPUTED = frozenset(
    {
        "ApplicationScopedIAMRoleConfiguration",
        "AuthenticationConfiguration",
        "EmrFsConfiguration",
        "LakeFormationConfiguration",
        "Overrides",
        "RangerConfiguration",
    }
)
# (member, its value) → what must stand beside it.
NEEDS: dict[tuple[str, Any], tuple[str, ...]] = {
    ("EnableInTransitEncryption", True): ("InTransitEncryptionConfiguration",),
    ("EnableAtRestEncryption", True): ("AtRestEncryptionConfiguration",),
    ("CertificateProviderType", "PEM"): ("S3Object",),
    ("CertificateProviderType", "Custom"): ("S3Object", "CertificateProviderClass"),
    ("EncryptionMode", "SSE-KMS"): ("AwsKmsKey",),
    ("EncryptionMode", "CSE-KMS"): ("AwsKmsKey",),
    ("EncryptionMode", "CSE-Custom"): ("S3Object", "EncryptionKeyProviderClass"),
    ("EncryptionKeyProviderType", "AwsKms"): ("AwsKmsKey",),
    ("EncryptionKeyProviderType", "Custom"): ("S3Object", "EncryptionKeyProviderClass"),
}
# What a part cannot be without.
REQUIRED = {
    "InTransitEncryptionConfiguration": ("TLSCertificateConfiguration",),
    "InstanceMetadataServiceConfiguration": ("MinimumInstanceMetadataServiceVersion", "HttpPutResponseHopLimit"),
    "LocalDiskEncryptionConfiguration": ("EncryptionKeyProviderType",),
    "S3EncryptionConfiguration": ("EncryptionMode",),
    "TLSCertificateConfiguration": ("CertificateProviderType",),
}


def refused(why: str) -> ServiceError:
    """EMR's error for a security configuration that it does not take."""
    return ServiceError("InvalidRequestException", f"Invalid security configuration; {why}.")


def checked_document(text: str) -> Members:
    """The document of a security configuration; InvalidRequestException for one that EMR, or Headwater, refuses."""
    try:
        found = json.loads(text)
    except ValueError as error:
        raise refused(f"expected JSON, got {text[:60]!r}: {error}") from error
    _check("the document", found, DOCUMENT)
    if not found:
        raise refused(f"the document is empty: expected one or more of {', '.join(DOCUMENT)}")
    document: Members = found
    return document


def allows_execution_roles(document: Members) -> bool:
    """Whether a step of a cluster with this document may name a role of its own to run as."""
    iam = document.get("AuthorizationConfiguration", {}).get("IAMConfiguration", {})
    return bool(_plain(iam.get("EnableApplicationScopedIAMRole")))


def _check(name: str, value: Any, kind: Any) -> None:
    if isinstance(kind, Mapping):
        _check_part(name, value, kind)
    elif kind is BOOLEAN and not isinstance(_plain(value), bool):
        raise refused(f"{name} is true or false, got {value!r}")
    elif kind is TEXT and not (isinstance(value, str) and value):
        raise refused(f"{name} is a text, got {value!r}")
    elif isinstance(kind, tuple) and value not in kind:
        raise refused(f"{name} is one of {', '.join(kind)}, got {value!r}")
    elif isinstance(kind, range) and (type(value) is not int or value not in kind):
        raise refused(f"{name} is a whole number from {kind[0]} to {kind[-1]}, got {value!r}")


def _check_part(name: str, value: Any, kind: Mapping[str, Any]) -> None:
    if not isinstance(value, dict):
        raise refused(f"{name} is an object, got {value!r}")
    unknown = [member for member in value if member not in kind]
    if named := sorted(NOT_COMPUTED.intersection(unknown)):
        raise refused(f"Headwater does not compute {', '.join(named)} of a security configuration")
    if unknown:
        raise refused(f"object has invalid properties: [{', '.join(unknown)}]")
    for member, inner in value.items():
        _check(member, inner, kind[member])
    needed = list(REQUIRED.get(name, ()))
    for member, inner in value.items():
        if not isinstance(inner, (dict, list)):
            needed += NEEDS.get((member, _plain(inner)), ())
    if missing := [member for member in needed if member not in value]:
        raise refused(f"{name} has missing required properties: [{', '.join(missing)}]")


def _plain(value: Any) -> Any:
    """A boolean that is written as a text, as EMR's guide and CloudFormation do."""
    return {"true": True, "false": False}.get(value, value) if isinstance(value, str) else value
