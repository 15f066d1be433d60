"""The function engine as the service's parts see it, and the packages on disk that its records still need."""

from __future__ import annotations

import functools
import shutil
from pathlib import Path

from headwater.local.engines.function import FunctionEngine
from headwater.local.service import Endpoint
from headwater.local.services.lambda_.records import FUNCTION, VERSION, FunctionRecords

LAYER = "lambda.layer"


class EngineHolder(FunctionRecords):
    """The records, and the engine that runs what they define."""

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(endpoint)
        as_role = functools.partial(endpoint.job_environment, service="lambda.amazonaws.com")
        self.engine = FunctionEngine(self.store, endpoint.jobs, self.folder, as_role)

    @property
    def layer_folder(self) -> Path:
        """Where the layers' packages are; no function can have this name."""
        return self.folder / ".layers"

    def start(self) -> None:
        """Remove packages that nothing refers to: replaced code, and what a kill left half unpacked."""
        needed = self._needed()
        for owner in [*_folders(self.folder), *_folders(self.layer_folder)]:
            for package in owner.iterdir():
                if (owner, package.name.removesuffix(".zip")) not in needed:
                    shutil.rmtree(package) if package.is_dir() else package.unlink()

    def _needed(self) -> set[tuple[Path, str]]:
        functions = [record["configuration"] for _, record in self.store.scan(FUNCTION)]
        functions += [record for _, record in self.store.scan(VERSION)]
        needed = {(self.folder / used["FunctionName"], used["CodeFolder"]) for used in functions}
        for layer in [layer for used in functions for layer in used.get("Layers", ())]:
            needed.add((self.layer_folder / layer["Arn"].split(":")[6], layer["CodeFolder"]))
        for key, layer in self.store.scan(LAYER):
            needed.add((self.layer_folder / key.rpartition(":")[0], layer["CodeFolder"]))
        return needed

    def stop(self) -> None:
        """End every environment."""
        self.engine.close()


def _folders(parent: Path) -> list[Path]:
    if not parent.is_dir():
        return []
    return [child for child in parent.iterdir() if child.is_dir() and not child.name.startswith(".")]
