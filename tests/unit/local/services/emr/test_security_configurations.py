"""Security configurations: the documents that EMR takes and refuses, the operations, and CloudFormation's type."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from headwater.local.service import ServiceError
from headwater.local.services.emr.root_volume import checked_size
from headwater.local.services.emr.security_document import DOCUMENT, NEEDS, allows_execution_roles, checked_document

KEY = "arn:aws:kms:us-east-1:000000000000:key/1"
DISK = {"EncryptionKeyProviderType": "AwsKms", "AwsKmsKey": KEY, "EnableEbsEncryption": True}
REST = {"S3EncryptionConfiguration": {"EncryptionMode": "SSE-S3"}, "LocalDiskEncryptionConfiguration": DISK}
ENCRYPTED = {
    "EncryptionConfiguration": {
        "EnableInTransitEncryption": "false",
        "EnableAtRestEncryption": True,
        "AtRestEncryptionConfiguration": REST,
    }
}
IMDS = {"MinimumInstanceMetadataServiceVersion": 2, "HttpPutResponseHopLimit": 1}
NAMES = st.sampled_from([*DOCUMENT, *DOCUMENT["EncryptionConfiguration"], *(member for member, _ in NEEDS), "x"])
ATOMS = st.none() | st.booleans() | st.integers() | st.sampled_from(["PEM", "SSE-KMS", "true", ""])


def encryption(**members: Any) -> dict[str, Any]:
    return {"EncryptionConfiguration": members}


def at_rest(**members: Any) -> dict[str, Any]:
    return encryption(EnableAtRestEncryption=True, AtRestEncryptionConfiguration=members)


def tls(**members: Any) -> dict[str, Any]:
    transit = {"TLSCertificateConfiguration": members}
    return encryption(EnableInTransitEncryption=True, InTransitEncryptionConfiguration=transit)


@pytest.mark.parametrize(
    "document",
    [
        ENCRYPTED,
        {"InstanceMetadataServiceConfiguration": IMDS},
        tls(CertificateProviderType="PEM", S3Object="s3://lake/certs.zip"),
        at_rest(S3EncryptionConfiguration={"EncryptionMode": "CSE-KMS", "AwsKmsKey": KEY}),
    ],
)
def test_documents_of_the_guide_are_taken(document: dict[str, Any]) -> None:
    assert checked_document(json.dumps(document)) == document
    assert not allows_execution_roles(document)


@pytest.mark.parametrize(
    ("document", "text"),
    [
        (
            at_rest(LocalDiskEncryptionKeyProvider={"Type": "AwsKms"}),
            r"Invalid security configuration; object has invalid properties: \[LocalDiskEncryptionKeyProvider\].",
        ),
        ({}, "is empty: expected one or more of AuthorizationConfiguration, EncryptionConfiguration"),
        ([], "the document is an object"),
        (encryption(EnableAtRestEncryption=True), r"missing required properties: \[AtRestEncryptionConfiguration\]"),
        (encryption(EnableInTransitEncryption="true"), r"properties: \[InTransitEncryptionConfiguration\]"),
        (encryption(EnableAtRestEncryption=1), "EnableAtRestEncryption is true or false, got 1"),
        (tls(CertificateProviderType="Custom", S3Object="s3://a/b"), r"\[CertificateProviderClass\]"),
        (tls(CertificateProviderType="JKS"), "is one of PEM, Custom, got 'JKS'"),
        (at_rest(S3EncryptionConfiguration={"EncryptionMode": "SSE-KMS"}), r"\[AwsKmsKey\]"),
        (at_rest(S3EncryptionConfiguration={}), r"\[EncryptionMode\]"),
        (at_rest(LocalDiskEncryptionConfiguration={**DISK, "AwsKmsKey": ""}), "AwsKmsKey is a text"),
        ({"InstanceMetadataServiceConfiguration": {**IMDS, "HttpPutResponseHopLimit": 65}}, "from 1 to 64, got 65"),
        (
            {"AuthenticationConfiguration": {"KerberosConfiguration": {}}},
            "Headwater does not compute AuthenticationConfiguration",
        ),
        (
            {"AuthorizationConfiguration": {"EmrFsConfiguration": {}}},
            "Headwater does not compute EmrFsConfiguration",
        ),
    ],
)
def test_documents_that_are_refused(document: Any, text: str) -> None:
    with pytest.raises(ServiceError, match=text) as error:
        checked_document(json.dumps(document))
    assert error.value.code == "InvalidRequestException"


@given(st.recursive(ATOMS, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(NAMES, inner), max_leaves=9))
def test_any_json_is_taken_as_it_is_or_refused(value: Any) -> None:
    text = json.dumps(value)
    try:
        assert checked_document(text) == json.loads(text)
    except ServiceError as error:
        assert error.code == "InvalidRequestException"


def test_the_operations_on_security_configurations(aws: Callable[[str], Any]) -> None:
    emr = aws("emr")
    with pytest.raises(ClientError, match="expected JSON, got 'EncryptionConfiguration: '"):
        emr.create_security_configuration(Name="a", SecurityConfiguration="EncryptionConfiguration: ")
    text = json.dumps(ENCRYPTED, indent=1)
    for number in range(51):
        emr.create_security_configuration(Name=f"s{number:02}", SecurityConfiguration=text)
    with pytest.raises(ClientError, match="with name 's00' already exists"):
        emr.create_security_configuration(Name="s00", SecurityConfiguration=text)
    assert emr.describe_security_configuration(Name="s00")["SecurityConfiguration"] == text
    first = emr.list_security_configurations()
    rest = emr.list_security_configurations(Marker=first["Marker"])
    assert len(first["SecurityConfigurations"]) == 50
    assert [each["Name"] for each in rest["SecurityConfigurations"]] == ["s50"] and "Marker" not in rest
    emr.delete_security_configuration(Name="s50")
    for gone in (emr.delete_security_configuration, emr.describe_security_configuration):
        with pytest.raises(ClientError, match="InvalidRequestException.*'s50' does not exist"):
            gone(Name="s50")
    with pytest.raises(ClientError, match="Marker 's50' is not valid"):
        emr.list_security_configurations(Marker="s50")


@pytest.mark.parametrize(("label", "size_gib"), [("emr-6.9.0", 9), ("emr-6.15.0", 14), ("emr-7.5.0", 101)])
def test_a_root_volume_that_emr_refuses(label: str, size_gib: int) -> None:
    checked_size(None, label)
    checked_size(15, label)
    with pytest.raises(ServiceError, match=f"and 100 GiB, got {size_gib}"):
        checked_size(size_gib, label)
