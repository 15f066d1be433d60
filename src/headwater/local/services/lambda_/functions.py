"""Operations on functions: create, change, describe, list, delete.

A function is ready when CreateFunction answers, so its State is Active at once; AWS says Pending first.
GetFunction's Code.Location is a ``file://`` URL of the package on this machine, not a presigned one.
"""

from __future__ import annotations

import shutil
from typing import Any

from headwater.local.service import Call, Members, ServiceError, operation
from headwater.local.services.lambda_ import packages
from headwater.local.services.lambda_.configuration import Configuration, changed, new_configuration, stamp
from headwater.local.services.lambda_.layers import LayerOperations
from headwater.local.services.lambda_.names import LATEST, FunctionName, invalid
from headwater.local.services.lambda_.records import (
    ALIAS,
    FUNCTION,
    VERSION,
    check_revision,
    new_revision,
    page,
    version_key,
)


class FunctionOperations(LayerOperations):
    """Function definitions."""

    @operation
    def create_function(
        self,
        call: Call,
        FunctionName: str,
        Role: str,
        Code: dict[str, Any],
        Runtime: str | None = None,
        Handler: str | None = None,
        Description: str | None = None,
        Timeout: int | None = None,
        MemorySize: int | None = None,
        Publish: bool = False,
        VpcConfig: dict[str, Any] | None = None,
        PackageType: str = "Zip",
        DeadLetterConfig: dict[str, Any] | None = None,
        Environment: dict[str, Any] | None = None,
        KMSKeyArn: str | None = None,
        TracingConfig: dict[str, Any] | None = None,
        Tags: dict[str, str] | None = None,
        Layers: list[str] | None = None,
        FileSystemConfigs: list[Any] | None = None,
        Architectures: list[str] | None = None,
        EphemeralStorage: dict[str, Any] | None = None,
        SnapStart: dict[str, Any] | None = None,
        LoggingConfig: dict[str, Any] | None = None,
    ) -> Members:
        """Define a function from a zip, sent or in S3."""
        members = {key: value for key, value in locals().items() if key not in ("self", "call")}
        name = _name(FunctionName)
        if self.store.get(FUNCTION, name) is not None:
            raise _exists(name)
        configuration = new_configuration(name, members)
        self.trusted_role(Role)
        self._take_layers(configuration)
        self._take_code(call, configuration, Code)
        with self.store.transaction():
            if self.store.get(FUNCTION, name) is not None:
                raise _exists(name)
            record = {"configuration": configuration, "published": 0, "tags": dict(Tags or {}), "concurrency": None}
            self.store.put(FUNCTION, name, record)
            if Publish:
                return self.publish(name)
        return self.describe(name, configuration)

    def _take_code(self, call: Call, configuration: Configuration, code: dict[str, Any]) -> None:
        data = packages.fetch(self.endpoint, call, code)
        package = packages.unpack(data, self.folder / configuration["FunctionName"])
        configuration |= {
            "CodeFolder": package.sha256_hex,
            "CodeSha256": package.sha256,
            "CodeSize": package.size_bytes,
        }
        _touch(configuration)

    def _take_layers(self, configuration: Configuration) -> None:
        wanted = [layer if isinstance(layer, str) else layer["Arn"] for layer in configuration.get("Layers", ())]
        configuration["Layers"] = self.layers_of(wanted)

    @operation
    def update_function_code(
        self,
        call: Call,
        FunctionName: str,
        ZipFile: bytes | None = None,
        S3Bucket: str | None = None,
        S3Key: str | None = None,
        S3ObjectVersion: str | None = None,
        ImageUri: str | None = None,
        Architectures: list[str] | None = None,
        Publish: bool = False,
        DryRun: bool = False,
        RevisionId: str | None = None,
    ) -> Members:
        """Replace the code of $LATEST; environments of the old code end."""
        sources = {
            "ZipFile": ZipFile,
            "S3Bucket": S3Bucket,
            "S3Key": S3Key,
            "S3ObjectVersion": S3ObjectVersion,
            "ImageUri": ImageUri,
        }
        code = {key: value for key, value in sources.items() if value is not None}
        name = self.own_call(call, FunctionName).name
        data = packages.fetch(self.endpoint, call, code)
        package = packages.unpack(data, self.folder / name)
        with self.store.transaction():
            record = self.function(name)
            configuration = record["configuration"]
            check_revision(RevisionId, configuration["RevisionId"])
            configuration |= {"CodeFolder": package.sha256_hex, "CodeSha256": package.sha256}
            configuration |= {"CodeSize": package.size_bytes}
            if Architectures:
                configuration["Architectures"] = Architectures
            if DryRun:
                return self.describe(name, configuration)
            return self._changed(name, record, Publish)

    def _changed(self, name: str, record: Members, publish: bool) -> Members:
        configuration = record["configuration"]
        _touch(configuration)
        self.store.put(FUNCTION, name, record)
        self.engine.retire(name, LATEST, configuration["RevisionId"])
        return self.publish(name) if publish else self.describe(name, configuration)

    @operation
    def update_function_configuration(
        self,
        call: Call,
        FunctionName: str,
        Role: str | None = None,
        Handler: str | None = None,
        Description: str | None = None,
        Timeout: int | None = None,
        MemorySize: int | None = None,
        VpcConfig: dict[str, Any] | None = None,
        Environment: dict[str, Any] | None = None,
        Runtime: str | None = None,
        DeadLetterConfig: dict[str, Any] | None = None,
        KMSKeyArn: str | None = None,
        TracingConfig: dict[str, Any] | None = None,
        RevisionId: str | None = None,
        Layers: list[str] | None = None,
        FileSystemConfigs: list[Any] | None = None,
        EphemeralStorage: dict[str, Any] | None = None,
        SnapStart: dict[str, Any] | None = None,
        LoggingConfig: dict[str, Any] | None = None,
    ) -> Members:
        """Change how $LATEST runs; environments of the old configuration end."""
        members = {key: value for key, value in locals().items() if key not in ("self", "call")}
        name = self.own_call(call, FunctionName).name
        if Role is not None:
            self.trusted_role(Role)
        with self.store.transaction():
            record = self.function(name)
            check_revision(RevisionId, record["configuration"]["RevisionId"])
            record["configuration"] = changed(record["configuration"], members)
            if Layers is not None:
                self._take_layers(record["configuration"])
            return self._changed(name, record, publish=False)

    @operation
    def get_function(self, call: Call, FunctionName: str, Qualifier: str | None = None) -> Members:
        """A function's configuration, package, tags and reserved concurrency."""
        target = self.target(FunctionName, Qualifier)
        record = self.function(target.name)
        package = self.folder / target.name / f"{target.configuration['CodeFolder']}.zip"
        answer: Members = {
            "Configuration": self.describe(target.name, target.configuration, target.qualifier),
            "Code": {"RepositoryType": "S3", "Location": package.as_uri()},
        }
        if record["tags"]:
            answer["Tags"] = record["tags"]
        if record["concurrency"] is not None:
            answer["Concurrency"] = {"ReservedConcurrentExecutions": record["concurrency"]}
        return answer

    @operation
    def get_function_configuration(self, call: Call, FunctionName: str, Qualifier: str | None = None) -> Members:
        """A function's configuration."""
        target = self.target(FunctionName, Qualifier)
        return self.describe(target.name, target.configuration, target.qualifier)

    @operation
    def list_functions(
        self,
        call: Call,
        MasterRegion: str | None = None,
        FunctionVersion: str | None = None,
        Marker: str | None = None,
        MaxItems: int | None = None,
    ) -> Members:
        """Every function's $LATEST, or with FunctionVersion ALL every version too; there is no Lambda@Edge here."""
        listed: list[tuple[str, Members]] = []
        for name, record in self.store.scan(FUNCTION) if MasterRegion in (None, "ALL", call.region) else ():
            qualifier = LATEST if FunctionVersion == "ALL" else None
            listed.append((f"{name}:", self.describe(name, record["configuration"], qualifier)))
            for key, version in self.store.scan(VERSION, f"{name}:") if FunctionVersion == "ALL" else ():
                listed.append((key, self.describe(name, version, version["Version"])))
        functions, marker = page([item for _, item in listed], [key for key, _ in listed], Marker, MaxItems)
        return {"Functions": functions} | ({"NextMarker": marker} if marker else {})

    @operation
    def delete_function(self, call: Call, FunctionName: str, Qualifier: str | None = None) -> Members:
        """Delete a function with its versions and aliases, or one published version."""
        name = self.own_call(call, FunctionName)
        qualifier = Qualifier or name.qualifier
        if qualifier == LATEST:
            raise invalid("$LATEST version cannot be deleted without deleting the function.")
        if qualifier is not None:
            self._delete_version(name.name, qualifier)
            return {"StatusCode": 204}
        with self.store.transaction():
            versions = [record["Version"] for _, record in self.store.scan(VERSION, f"{name.name}:")]
            for kind in (VERSION, ALIAS):
                for key, _ in self.store.scan(kind, f"{name.name}:"):
                    self.store.delete(kind, key)
            self.store.delete(FUNCTION, name.name)
        for version in [LATEST, *versions]:
            self.engine.retire(name.name, version)
        shutil.rmtree(self.folder / name.name, ignore_errors=True)
        return {"StatusCode": 204}

    def _delete_version(self, name: str, version: str) -> None:
        self.version(name, version)
        with self.store.transaction():
            for _, alias in self.store.scan(ALIAS, f"{name}:"):
                weights = (alias.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {}
                if version == alias["FunctionVersion"] or version in weights:
                    text = f"Version {self.arn(name, version)} is referenced by alias {alias['Name']}."
                    raise ServiceError("ResourceConflictException", text, 409, Type="User")
            self.store.delete(VERSION, version_key(name, version))
        self.engine.retire(name, version)

    def publish(self, name: str, description: str | None = None) -> Members:
        """Keep $LATEST as the next version, unless nothing changed since the last one."""
        with self.changing(name) as record:
            latest = record["configuration"]
            last = record["published"]
            known = self.store.get(VERSION, version_key(name, last)) if last else None
            if known is not None and known["Published"] == latest["RevisionId"]:
                return self.describe(name, known, known["Version"])
            record["published"] = last + 1
            version = {
                **latest,
                "Version": str(last + 1),
                "RevisionId": new_revision(),
                "Published": latest["RevisionId"],
            }
            if description is not None:
                version["Description"] = description
            self.store.put(VERSION, version_key(name, last + 1), version)
        return self.describe(name, version, version["Version"])


def _touch(configuration: Configuration) -> None:
    configuration |= {"LastModified": stamp(), "RevisionId": new_revision(), "Version": LATEST}


def _name(text: str) -> str:
    name = FunctionName.parse(text)
    if name.qualifier is not None:
        raise invalid(f"A function's name has no qualifier: {text}")
    return name.name


def _exists(name: str) -> ServiceError:
    return ServiceError("ResourceConflictException", f"Function already exist: {name}", 409, Type="User")
