"""A Lambda bundle with its packages: wheels for Lambda's Linux, resolved by pip when the bundle is first needed.

The bundle's key is known without pip: the hash of what it is made from (files, pinned requirements, Python version,
architecture). So planning needs no network, and one that was built or uploaded already is not built again. It is kept
in `.headwater/bundles/`. Only wheels are taken (`--only-binary=:all:`): nothing is compiled, and no package's code
runs here. What pip resolved for packages that the requirements do not name is the bundle's as long as its key is: name
them all to pin them too.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess  # nosec B404: runs pip with a fixed argument list
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from headwater.errors import PlanError
from headwater.plan import assets

FOLDER = Path(".headwater") / "bundles"
PIP_LIMIT_S = 900
_FORMAT = 1
# Lambda's systems: Amazon Linux 2 (glibc 2.26) to Python 3.11, Amazon Linux 2023 (2.34) from 3.12.
# Lambda developer guide, "Lambda runtimes", 2026-11; manylinux tags: PEP 600.
_GLIBC_MINORS = (17, 24, 26, 27, 28, 31, 34)
_MACHINES = {"x86_64": "x86_64", "arm64": "aarch64"}


@dataclass(frozen=True)
class Bundle:
    """What a bundle is made from.

    Parameters
    ----------
    root:
        The project's folder.
    stage:
        Whose it is, for messages.
    files:
        The stage's own files, by their name in the bundle.
    requirements:
        Pinned requirements.
    python:
        The runtime's Python, as "3.11".
    architecture:
        "x86_64" or "arm64".
    """

    root: Path
    stage: str
    files: assets.Files
    requirements: tuple[str, ...]
    python: str
    architecture: str

    @property
    def digest(self) -> str:
        """The hash of all that the bundle is made from."""
        own = {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in sorted(self.files.items())}
        parts = [_FORMAT, own, sorted(self.requirements), self.python, self.architecture]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    @property
    def path(self) -> Path:
        """Where the bundle is kept once it is built."""
        return self.root / FOLDER / f"{self.digest}.zip"

    def build(self) -> Path:
        """Return the bundle, built now unless it is there.

        Raises
        ------
        PlanError
            When pip finds no wheel for Lambda, or the bundle is too large for it.
        """
        path = self.path
        if path.is_file():
            return path
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            packages = Path(folder) / "packages"
            self._install(packages)
            files = {**_shipped(packages), **self.files}
            made = Path(folder) / "bundle.zip"
            made.write_bytes(assets.zip_bytes(self.stage, files))
            os.replace(made, path)
        return path

    def _install(self, target: Path) -> None:
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]
        command += ["--only-binary=:all:", "--no-compile", "--target", str(target), "--implementation", "cp"]
        command += ["--python-version", self.python]
        for tag in platforms(self.python, self.architecture):
            command += ["--platform", tag]
        try:
            done = subprocess.run(  # nosec B603
                [*command, *self.requirements], capture_output=True, text=True, timeout=PIP_LIMIT_S, check=False
            )
        except subprocess.TimeoutExpired as error:
            raise PlanError(f"stage {self.stage!r}: pip did not end within {PIP_LIMIT_S} s") from error
        if done.returncode:
            said = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or [done.stderr.strip()]
            raise PlanError(
                f"stage {self.stage!r}: pip finds no wheels of {', '.join(self.requirements)} for Lambda "
                f"(Python {self.python}, {self.architecture}):\n  " + "\n  ".join(said)
            )


def platforms(python: str, architecture: str) -> list[str]:
    """Return the tags of wheels that run on a Lambda runtime, the newest first."""
    glibc = 26 if int(python.partition(".")[2]) <= 11 else 34
    machine = _MACHINES[architecture]
    found = [f"manylinux_2_{minor}_{machine}" for minor in sorted(_GLIBC_MINORS, reverse=True) if minor <= glibc]
    return [*found, f"manylinux2014_{machine}"]


def _shipped(packages: Path) -> dict[str, Path]:
    """The files of installed packages that a function needs: no programs, no bytecode, no record of the install."""
    found = {}
    for path in sorted(packages.rglob("*")):
        name = path.relative_to(packages).as_posix()
        left_out = name.startswith("bin/") or "__pycache__" in name or path.suffix == ".pyc"
        if path.is_file() and not left_out and not name.endswith((".dist-info/RECORD", ".dist-info/direct_url.json")):
            found[name] = path
    return found
