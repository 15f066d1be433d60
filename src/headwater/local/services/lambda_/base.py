"""The function engine as the service's parts see it."""

from __future__ import annotations

from headwater.local.engines.function import FunctionEngine
from headwater.local.service import Endpoint
from headwater.local.services.lambda_.records import FunctionRecords


class EngineHolder(FunctionRecords):
    """The records, and the engine that runs what they define."""

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(endpoint)
        self.engine = FunctionEngine(self.store, endpoint.jobs, self.folder, endpoint.job_environment)

    def stop(self) -> None:
        """End every environment."""
        self.engine.close()
