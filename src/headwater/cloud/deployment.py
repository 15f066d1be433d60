"""A template and its assets, deployed to either endpoint: only what changed is uploaded, nothing is done twice.

Knows neither workflow nor plan: what it takes is a template, files, and names; so one cloud holds as many stacks as one
likes. In two steps where a person looks in between: :meth:`Deployment.propose` changes nothing that runs,
:meth:`Deployment.execute` uploads and changes. :meth:`Deployment.apply` does both.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from headwater.cloud.asset_store import AssetFile, AssetStore
from headwater.cloud.session import Cloud
from headwater.cloud.shared_logs import SharedGroup, SharedLogs
from headwater.cloud.stack_states import Say, make_deployable, unsaid
from headwater.cloud.stacks import (
    INLINE_TEMPLATE_BYTES,
    STANDING,
    ChangeSet,
    OnEvent,
    Stacks,
    parameters_of,
    unheard,
)
from headwater.errors import StackError

ASSETS_PARAMETER = "AssetsBucket"
LARGEST_TEMPLATE_BYTES = 1_000_000  # CloudFormation quota for a template in S3, 2026-11
MOST_RESOURCES = 500

__all__ = ["ASSETS_PARAMETER", "AssetFile", "Deployment"]


class Deployment:
    """One stack of one cloud.

    Parameters
    ----------
    stack:
        The stack's name.
    """

    def __init__(self, cloud: Cloud, stack: str) -> None:
        self._cloud = cloud
        self.store = AssetStore(cloud)
        self.stacks = Stacks(cloud)
        self.shared_logs = SharedLogs(cloud)
        self.stack = stack

    @property
    def assets_bucket(self) -> str:
        """The bucket of code, one an account and region, made by the first deploy."""
        return self.store.bucket

    def outputs(self) -> dict[str, str] | None:
        """The stack's outputs, or None when it is not there."""
        return self.stacks.outputs(self.stack)

    def apply(
        self,
        template: Mapping[str, Any],
        assets: Iterable[AssetFile],
        tags: Mapping[str, str],
        progress: Callable[[str], None] = lambda line: None,
        log_groups: Mapping[str, int] | None = None,
        parameters: Mapping[str, str] | None = None,
    ) -> dict[str, str]:
        """Make the stack as the template says, unless it is so already; returns its outputs.

        Parameters
        ----------
        log_groups:
            Log groups that services make themselves, each with the days to keep events where nobody has said.
        parameters:
            Values of the template's parameters, beside the bucket of code; of others the default.

        Raises
        ------
        CloudError
            When a call is refused.
        StackError
            When the stack failed and was rolled back: which resource, and why.
        """
        self.store.prepare()
        files = self.store.package(assets)
        uploaded = self.store.upload(self.stack, files)
        if uploaded:
            progress(f"uploaded {uploaded} asset(s)")
        unbounded = self.shared_logs.unbounded(log_groups or {})
        outputs = self.outputs_as_planned(template, tags, parameters or {})
        change_set = None if outputs is not None else self.propose(template, tags, progress, parameters=parameters)
        if change_set is None:
            self.shared_logs.bound(unbounded)
            return outputs or self.outputs() or {}
        verb = "creating" if change_set.creates else "updating"
        progress(f"{verb} stack {self.stack}: {len(change_set.changes)} resource(s)")
        return self.execute(change_set, files, unbounded)

    def propose(
        self,
        template: Mapping[str, Any],
        tags: Mapping[str, str],
        say: Say = unsaid,
        on_event: OnEvent = unheard,
        parameters: Mapping[str, str] | None = None,
    ) -> ChangeSet | None:
        """What a deploy would change, None for nothing. What an interrupted or failed one left is brought in order.

        Raises
        ------
        CloudError
            When CloudFormation refuses the template or a parameter.
        StackError
            For a template beyond CloudFormation's quotas, or a stack that only a person can mend.
        """
        body = json.dumps(template, sort_keys=True)
        self._check_quotas(template, body)
        make_deployable(self.stacks, self.stack, say, on_event)
        given = dict(parameters or {})
        if ASSETS_PARAMETER in template.get("Parameters", {}):
            given[ASSETS_PARAMETER] = self.assets_bucket
        return self.stacks.propose(self.stack, body, given, tags, self._template_url(body))

    def execute(
        self,
        change_set: ChangeSet,
        assets: Iterable[AssetFile],
        unbounded: Collection[SharedGroup] = (),
        say: Say = unsaid,
        on_event: OnEvent = unheard,
    ) -> dict[str, str]:
        """Upload what is not there yet, change the stack, and return its outputs.

        Parameters
        ----------
        unbounded:
            Log groups to make, or to give a retention, before the stack, whose metric filters may need them.
        """
        try:
            self._upload(list(assets), say)
            self.shared_logs.bound(unbounded)
        except BaseException:  # the stack is as it was, and a change set that nobody executes must not stay
            self.stacks.discard(change_set)
            raise
        return self.stacks.execute(change_set, on_event)

    def _upload(self, files: list[AssetFile], say: Say) -> None:
        if files:
            self.store.prepare()
            uploaded = self.store.upload(self.stack, files)
            self.store.adopt(self.stack, files)
            say(f"assets: {uploaded} uploaded, {len(files) - uploaded} there already")

    def outputs_as_planned(
        self, template: Mapping[str, Any], tags: Mapping[str, str], parameters: Mapping[str, str]
    ) -> dict[str, str] | None:
        """The outputs, if the stack stands as this template, these tags and parameters say; None if not."""
        found = self.stacks.describe(self.stack)
        if found is None or found["StackStatus"] not in STANDING:
            return None
        if {tag["Key"]: tag["Value"] for tag in found.get("Tags", [])} != dict(tags) or self.differs(template):
            return None
        if not parameters.items() <= parameters_of(found).items():
            return None
        return {output["OutputKey"]: output["OutputValue"] for output in found.get("Outputs", [])}

    def differs(self, template: Mapping[str, Any]) -> bool:
        """Whether the stack was deployed with another template."""
        return bool(self.stacks.template(self.stack) != json.loads(json.dumps(template)))

    def _check_quotas(self, template: Mapping[str, Any], body: str) -> None:
        size_bytes, count = len(body.encode()), len(template.get("Resources", {}))
        if size_bytes > LARGEST_TEMPLATE_BYTES:
            raise StackError(
                f"stack {self.stack}: its template has {size_bytes:,} bytes, and CloudFormation takes "
                f"{LARGEST_TEMPLATE_BYTES:,}. Split the workflow in two over one lake."
            )
        if count > MOST_RESOURCES:
            raise StackError(
                f"stack {self.stack}: its template has {count} resources, and CloudFormation takes {MOST_RESOURCES}. "
                "Split the workflow in two over one lake."
            )

    def _template_url(self, body: str) -> str | None:
        """Where the template lies in S3, when it is too long to be sent in the request."""
        if len(body.encode()) <= INLINE_TEMPLATE_BYTES:
            return None
        self.store.prepare()
        key = f"templates/{hashlib.sha256(body.encode()).hexdigest()}.json"
        self.store.upload(self.stack, [AssetFile(key, body.encode())])
        return self.store.url(key)
