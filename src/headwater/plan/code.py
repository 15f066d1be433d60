"""What each stage's code becomes: assets, and where the template finds them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from headwater.plan import assets, versions
from headwater.plan.assets import Asset
from headwater.plan.bundle import Bundle
from headwater.plan.code_uses import CodeUses, uses_of
from headwater.workflow.requirements import missing_packages, pinned, requirements_file
from headwater.workflow.scripts import entry_of
from headwater.workflow.stages import FunctionStage, MachineStage, ProcessingStage, ScriptStage, SparkStage


@dataclass(frozen=True)
class Code:
    """The code of one stage.

    Parameters
    ----------
    entry:
        The file that runs, by its name in the bundle.
    key:
        The key of the script or bundle in the assets bucket; for processing, the prefix of its files.
    library_key:
        The key of `common.zip`, where a Glue job takes one.
    assets:
        What to upload.
    modules:
        The packages that a Glue job installs when it starts.
    uses:
        What a Spark script uses of Glue.
    """

    entry: str
    key: str
    library_key: str | None
    assets: tuple[Asset, ...]
    modules: tuple[str, ...] = ()
    uses: CodeUses = CodeUses()


def code_of(root: Path, stage: ScriptStage) -> Code:
    """Return the code of a stage.

    Parameters
    ----------
    root:
        The project's folder.
    """
    script = entry_of(root, stage)
    common = assets.common_files(root)
    if isinstance(stage, SparkStage):
        return _spark(root, stage, script, common)
    if isinstance(stage, FunctionStage):
        return _function(root, stage, script, common)
    if isinstance(stage, ProcessingStage):
        folder, found = assets.folder_assets(stage.name, {script.name: script, **common})
        return Code(script.name, folder, None, tuple(found))
    if isinstance(stage, MachineStage):
        bundle = assets.tar_asset(stage.name, "sourcedir.tar.gz", {**assets.script_folder(root, script), **common})
        return Code(script.name, bundle.key, None, (bundle,))
    raise TypeError(f"no code for a {stage.kind} stage")


def _spark(root: Path, stage: SparkStage, script: Path, common: dict[str, Path]) -> Code:
    job = assets.file_asset(stage.name, script)
    path = requirements_file(root, stage)
    modules = tuple(pinned(path)) if path else ()
    uses = uses_of([script, *common.values()])
    if not common:
        return Code(script.name, job.key, None, (job,), modules, uses)
    library = assets.zip_asset("common", "common.zip", common)
    return Code(script.name, job.key, library.key, (job, library), modules, uses)


def _function(root: Path, stage: FunctionStage, script: Path, common: dict[str, Path]) -> Code:
    own = assets.folder_files(script.parent) if (root / stage.script).is_dir() else {script.name: script}
    file, files = f"{Path(script.name).stem}.zip", {**common, **own}
    path = requirements_file(root, stage)
    if path is None or not missing_packages(script.parent, path):
        bundle = assets.zip_asset(stage.name, file, files)
    else:
        python = versions.lambda_runtime().removeprefix("python")
        made = Bundle(root, stage.name, files, tuple(pinned(path)), python, stage.architecture)
        bundle = assets.built_asset(stage.name, file, made.digest, made)
    return Code(script.name, bundle.key, None, (bundle,))
