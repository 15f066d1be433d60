"""Layers: packages that several functions share. Unzipped once, put on the Python path of each function that has them.

Not faithful to AWS: a layer is not mounted at /opt; its ``python`` folders are on the path, and that is all.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from headwater.local.service import Call, Members, ServiceError, operation
from headwater.local.services.lambda_ import packages
from headwater.local.services.lambda_.base import LAYER, EngineHolder
from headwater.local.services.lambda_.names import invalid
from headwater.local.services.lambda_.records import page, version_key, without_none

LAYER_ARN = re.compile(r"(arn:aws[a-z-]*:lambda:[a-z0-9-]+:\d{12}:layer:([a-zA-Z0-9_-]+))(?::(\d+))?")
MOST_LAYERS = 5


class LayerOperations(EngineHolder):
    """Layer versions."""

    def _layer_arn(self, name: str) -> str:
        return f"arn:aws:lambda:{self.endpoint.region}:{self.endpoint.account}:layer:{name}"

    def _layer_version(self, name: str, version: int) -> Members:
        record = self.store.get(LAYER, version_key(name, version))
        if record is None:
            raise ServiceError(
                "ResourceNotFoundException", "The resource you requested does not exist.", 404, Type="User"
            )
        return record

    def layers_of(self, arns: list[str]) -> list[Members]:
        """What a function keeps of its layers; raises ServiceError for one that is not here."""
        if len(arns) > MOST_LAYERS:
            raise invalid(f"Layers consume more than the available number of {MOST_LAYERS}: {len(arns)}")
        found = []
        for arn in arns:
            match = LAYER_ARN.fullmatch(arn)
            record = self.store.get(LAYER, version_key(match[2], match[3])) if match and match[3] else None
            if record is None:
                raise invalid(f"Layer version {arn} does not exist.")
            found.append({"Arn": arn, "CodeSize": record["CodeSize"], "CodeFolder": record["CodeFolder"]})
        return found

    @operation
    def publish_layer_version(
        self,
        call: Call,
        LayerName: str,
        Content: dict[str, Any],
        Description: str | None = None,
        CompatibleArchitectures: list[str] | None = None,
        CompatibleRuntimes: list[str] | None = None,
        LicenseInfo: str | None = None,
    ) -> Members:
        """Keep a zip as the layer's next version."""
        name = _layer_name(LayerName)
        package = packages.unpack(packages.fetch(self.endpoint, call, Content), self.layer_folder / name)
        with self.store.transaction():
            last = max((record["Version"] for _, record in self.store.scan(LAYER, f"{name}:")), default=0)
            record = {
                "Version": last + 1,
                "CodeFolder": package.sha256_hex,
                "CodeSha256": package.sha256,
                "CodeSize": package.size_bytes,
                "CompatibleArchitectures": CompatibleArchitectures,
                "CompatibleRuntimes": CompatibleRuntimes,
                "CreatedDate": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "+0000",
                "Description": Description or "",
                "LicenseInfo": LicenseInfo,
            }
            self.store.put(LAYER, version_key(name, last + 1), record)
        return self._describe_layer(name, record)

    def _describe_layer(self, name: str, record: Members) -> Members:
        package = self.layer_folder / name / f"{record['CodeFolder']}.zip"
        content = {"Location": package.as_uri(), "CodeSha256": record["CodeSha256"], "CodeSize": record["CodeSize"]}
        return {"Content": content, "LayerArn": self._layer_arn(name)} | self._summarize(name, record)

    def _summarize(self, name: str, record: Members) -> Members:
        kept = {key: value for key, value in record.items() if not key.startswith("Code")}
        return without_none(kept) | {"LayerVersionArn": f"{self._layer_arn(name)}:{record['Version']}"}

    @operation
    def get_layer_version(self, call: Call, LayerName: str, VersionNumber: int) -> Members:
        """One version of a layer."""
        name = _layer_name(LayerName)
        return self._describe_layer(name, self._layer_version(name, VersionNumber))

    @operation
    def get_layer_version_by_arn(self, call: Call, Arn: str) -> Members:
        """One version of a layer."""
        match = LAYER_ARN.fullmatch(Arn)
        if match is None or match[3] is None:
            raise invalid(f"{Arn} is not the ARN of a layer version")
        return self._describe_layer(match[2], self._layer_version(match[2], int(match[3])))

    @operation
    def list_layer_versions(
        self, call: Call, LayerName: str, Marker: str | None = None, MaxItems: int | None = None
    ) -> Members:
        """A layer's versions, newest first."""
        name = _layer_name(LayerName)
        records = [record for _, record in self.store.scan(LAYER, f"{name}:")][::-1]
        keys = [f"{10**8 - record['Version']:08d}" for record in records]
        chosen, marker = page([self._summarize(name, record) for record in records], keys, Marker, MaxItems)
        return {"LayerVersions": chosen} | ({"NextMarker": marker} if marker else {})

    @operation
    def list_layers(self, call: Call, Marker: str | None = None, MaxItems: int | None = None) -> Members:
        """Every layer with its latest version."""
        latest = {key.rpartition(":")[0]: record for key, record in self.store.scan(LAYER)}
        names = sorted(latest)
        layers = [
            {
                "LayerName": name,
                "LayerArn": self._layer_arn(name),
                "LatestMatchingVersion": self._summarize(name, latest[name]),
            }
            for name in names
        ]
        chosen, marker = page(layers, names, Marker, MaxItems)
        return {"Layers": chosen} | ({"NextMarker": marker} if marker else {})

    @operation
    def delete_layer_version(self, call: Call, LayerName: str, VersionNumber: int) -> Members:
        """Delete a version's record; functions that have it keep it, as on AWS, so its files stay."""
        self.store.delete(LAYER, version_key(_layer_name(LayerName), VersionNumber))
        return {}


def _layer_name(text: str) -> str:
    match = LAYER_ARN.fullmatch(text)
    if match is not None:
        return match[2]
    if not re.fullmatch(r"[a-zA-Z0-9_-]{1,140}", text):
        raise invalid(f"{text} is not the name of a layer: expected [a-zA-Z0-9-_]{{1,140}}")
    return text
