"""What a role may do: IAM policies, evaluated as AWS documents it (explicit deny, allow, else implicit deny)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from headwater.local.service import Call, Members

if TYPE_CHECKING:
    from headwater.local.endpoint import LocalEndpoint


class Authorizer:
    """Placeholder until written below in this session."""

    def __init__(self, endpoint: LocalEndpoint) -> None:
        self._endpoint = endpoint

    def authorize(self, call: Call, members: Members) -> None:
        pass

    def forget(self) -> None:
        pass
