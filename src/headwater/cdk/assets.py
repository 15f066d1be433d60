"""A plan's assets, published by the CDK: the same keys, in the bootstrap bucket instead of Headwater's own.

The roles of a plan may read exact keys, so an asset must keep its key. The CDK names an asset's object
`<source hash><extension of the staged file>`: the key is given as the hash, and the file is staged without an
extension.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from aws_cdk import FileAssetPackaging, Stack, Stage

from headwater.errors import PlanError
from headwater.plan.assets import Asset
from headwater.plan.naming import ASSETS_BUCKET

FOLDER = "headwater-assets"


def publish(stack: Stack, assets: Iterable[Asset]) -> str:
    """Add assets to the cloud assembly, to be uploaded when the stack is deployed.

    Parameters
    ----------
    stack:
        The stack whose synthesizer publishes them.
    assets:
        The plan's; at least one.

    Returns
    -------
    str
        The name of the bucket they go to, which may hold `${AWS::AccountId}` and `${AWS::Region}`.
    """
    bucket: object = None
    for asset in assets:
        relative = f"{FOLDER}/{asset.key.replace('/', '-').replace('.', '-')}"
        _write(outdir(stack) / relative, asset.read())
        location = stack.synthesizer.add_file_asset(
            source_hash=asset.key, file_name=relative, packaging=FileAssetPackaging.FILE
        )
        if location.object_key != asset.key:
            raise PlanError(
                f"asset {asset.name!r}: this synthesizer would store it at {location.object_key!r}, and the plan's "
                f"roles may read {asset.key!r} only. Use a DefaultStackSynthesizer with no bucket_prefix."
            )
        bucket = stack.resolve(location.bucket_name)
    return str(bucket["Fn::Sub"]) if isinstance(bucket, dict) else str(bucket)


def outdir(stack: Stack) -> Path:
    """Return the folder of the cloud assembly that the stack's files go to.

    Raises
    ------
    PlanError
        If the stack is in no App.
    """
    stage = Stage.of(stack)
    if stage is None:
        raise PlanError(f"stack {stack.stack_name!r} is in no App: make it `Stack(app, ...)`; an App holds its assets")
    folder = Path(stage.asset_outdir)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def located(template: dict[str, Any], bucket: str) -> dict[str, Any]:
    """Return a plan's template with its assets in `bucket`, and without the parameter that named another.

    Parameters
    ----------
    bucket:
        A bucket's name, in which `${AWS::AccountId}` and the like may stand.
    """
    moved: dict[str, Any] = _moved(json.loads(json.dumps(template)), bucket)
    parameters = {name: each for name, each in moved.get("Parameters", {}).items() if name != ASSETS_BUCKET}
    moved.pop("Parameters", None)
    return {**moved, "Parameters": parameters} if parameters else moved


def _moved(value: Any, bucket: str) -> Any:
    if value == {"Ref": ASSETS_BUCKET}:
        return {"Fn::Sub": bucket} if "${" in bucket else bucket
    if isinstance(value, dict):
        return {
            name: _substituted(each, bucket) if name == "Fn::Sub" else _moved(each, bucket)
            for name, each in value.items()
        }
    return [_moved(each, bucket) for each in value] if isinstance(value, list) else value


def _substituted(value: Any, bucket: str) -> Any:
    if isinstance(value, str):
        return value.replace(f"${{{ASSETS_BUCKET}}}", bucket)
    text, variables = value
    return [text, _moved(variables, bucket)] if ASSETS_BUCKET in variables else [_substituted(text, bucket), variables]


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
