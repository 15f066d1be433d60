"""The engine of SageMaker's jobs: a command that finds its files at /opt/ml, without a container.

On Linux each job runs in a mount namespace of its own (:mod:`headwater.local.engines.opt_ml`), as the user that runs
the endpoint, with this endpoint's interpreter first on ``PATH``; any number run at once. Whether the system allows it
is found out once, by trying.

Where it does not, jobs take turns at a link (:mod:`headwater.local.engines.opt_ml_link`), if the machine's owner made
it. Without it /opt/ml stays a name: the command's arguments and the environment (``SM_*``, ``SAGEMAKER_BASE_DIR``)
point at the job's folder instead, and a job whose code names /opt/ml literally is refused with the file, the line and
the remedy, since it would read or write somewhere else.

Not faithful to AWS: the file system outside /opt/ml is this machine's, the packages are those installed beside
Headwater, the network is not isolated, and the instance type sets neither processors nor memory.
"""

from __future__ import annotations

import os
import subprocess  # nosec B404: starts what a SageMaker job asks for, as a list, never by a shell
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from headwater.local.engines import opt_ml, opt_ml_link
from headwater.local.engines.opt_ml_link import OptMlLink
from headwater.local.jobs import Job, JobExit, JobSpec, JobSupervisor

OPT_ML = opt_ml.OPT_ML
LAUNCHER = Path(opt_ml.__file__)
# "docker stop" of the platform: SIGTERM, 120 seconds, SIGKILL (SageMaker developer guide, "How Amazon SageMaker AI
# Runs Your Training Image", 2023-06).
GRACE_S = 120
PROBE_S = 10


class ContainerUnavailable(RuntimeError):
    """This system has no mount namespaces for us, and the job cannot do without."""


@dataclass(frozen=True)
class ContainerSpec:
    """What to run, in terms of the inside.

    Parameters
    ----------
    id:
        Unique among running jobs.
    folder:
        What the job sees as /opt/ml.
    argv:
        The command; a bare name is looked up on the job's ``PATH``.
    directory:
        The working directory, a path below /opt/ml.
    environment:
        Variables beside ``PATH``, ``HOME`` and ``LANG``.
    code:
        Folders of the job's own code, paths below /opt/ml; read only where /opt/ml cannot be made.
    log_group, log_stream, timeout_s, on_line, on_exit:
        As in :class:`~headwater.local.jobs.JobSpec`.
    """

    id: str
    folder: Path
    argv: Sequence[str] = field(repr=False)
    directory: str
    environment: Mapping[str, str] = field(repr=False)
    log_group: str
    log_stream: str
    code: Sequence[str] = ()
    timeout_s: float | None = None
    on_line: Callable[[str, str], None] | None = None
    on_exit: Callable[[JobExit], None] | None = None


@cache
def refusal() -> str:
    """Why this system does not let a job have a /opt/ml of its own; empty when it does. Tried once: about 60 ms."""
    if not sys.platform.startswith("linux"):
        return f"{sys.platform} has no mount namespaces"
    with tempfile.TemporaryDirectory(prefix="headwater-probe-") as folder:
        command = _launch(Path(folder), OPT_ML, [sys.executable, "-I", "-S", "-c", ""])
        try:
            tried = subprocess.run(  # nosec B603: our own launcher and interpreter
                command, capture_output=True, text=True, timeout=PROBE_S, check=False, stdin=subprocess.DEVNULL
            )
        except subprocess.TimeoutExpired:
            return f"making a mount namespace took more than {PROBE_S} s"
    return "" if tried.returncode == 0 else tried.stderr.strip() or f"exit code {tried.returncode}"


def remedy() -> str:
    """How to let jobs have a /opt/ml of their own on this system."""
    link = f"Make, once, a link that jobs take turns at: `{opt_ml_link.remedy()}`."
    if not sys.platform.startswith("linux"):
        return link
    return (
        "Allow user namespaces: `sudo sysctl -w user.max_user_namespaces=15000`, on Ubuntu 24.04 and newer also "
        "`sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0`; in a container, start it with "
        f"--security-opt seccomp=unconfined. Or else: {link[0].lower()}{link[1:]}"
    )


def _launch(folder: Path, directory: str, argv: Sequence[str]) -> list[str]:
    return [sys.executable, "-I", "-S", str(LAUNCHER), str(folder), directory, *argv]


class ContainerEngine:
    """Starts jobs that find their files at /opt/ml.

    Parameters
    ----------
    jobs:
        What runs them.
    isolated:
        Whether jobs get a mount namespace; None finds out.
    link:
        What is /opt/ml where they do not.
    """

    def __init__(self, jobs: JobSupervisor, isolated: bool | None = None, link: Path = Path(OPT_ML)) -> None:
        self._jobs = jobs
        self._isolated = isolated
        self._link = link

    @property
    def isolated(self) -> bool:
        """Whether a job has a /opt/ml of its own."""
        return not refusal() if self._isolated is None else self._isolated

    def start(self, spec: ContainerSpec) -> Job:
        """Start the job; returns when its process runs, which by a link may have to wait for other jobs.

        Raises
        ------
        ContainerUnavailable
            The code names /opt/ml and this system cannot give it one.
        OSError
            The process cannot be started.
        """
        directory = spec.folder / os.path.relpath(spec.directory, OPT_ML)
        directory.mkdir(parents=True, exist_ok=True)
        environment = {**_base_environment(spec.folder), **spec.environment}
        if self.isolated:
            argv = _launch(spec.folder, spec.directory, spec.argv)
            return self._jobs.start(_job_spec(spec, argv, directory, environment, spec.on_exit))
        link = OptMlLink(self._link)
        if link.usable:
            return self._start_linked(spec, directory, environment, link)
        self._refuse_literal_paths(spec)
        argv = [moved(word, spec.folder) for word in spec.argv]
        environment = {name: moved(value, spec.folder) for name, value in environment.items()}
        environment["SAGEMAKER_BASE_DIR"] = str(spec.folder)
        return self._jobs.start(_job_spec(spec, argv, directory, environment, spec.on_exit))

    def _start_linked(
        self, spec: ContainerSpec, directory: Path, environment: Mapping[str, str], link: OptMlLink
    ) -> Job:
        def give_back(exit: JobExit) -> None:
            link.give_back()
            if spec.on_exit is not None:
                spec.on_exit(exit)

        link.take(spec.folder)
        try:
            return self._jobs.start(_job_spec(spec, spec.argv, directory, environment, give_back))
        except BaseException:
            link.give_back()
            raise

    @staticmethod
    def _refuse_literal_paths(spec: ContainerSpec) -> None:
        for folder in spec.code:
            found = literal_path(Path(moved(folder, spec.folder)))
            if found:
                path, line = found
                why = refusal() or "switched off"
                raise ContainerUnavailable(
                    f"Headwater.NoMountNamespace: {path.name} line {line} names {OPT_ML}, "
                    f"and this system gives jobs no folder of that name ({why}). {remedy()}"
                )


def _job_spec(
    spec: ContainerSpec,
    argv: Sequence[str],
    directory: Path,
    environment: Mapping[str, str],
    on_exit: Callable[[JobExit], None] | None,
) -> JobSpec:
    return JobSpec(
        id=spec.id,
        argv=argv,
        cwd=directory,
        env=environment,
        log_group=spec.log_group,
        log_stream=spec.log_stream,
        timeout_s=spec.timeout_s,
        grace_s=GRACE_S,
        on_line=spec.on_line,
        on_exit=on_exit,
    )


def _base_environment(folder: Path) -> dict[str, str]:
    own = str(Path(sys.executable).parent)
    return {
        "HOME": str(folder),
        "LANG": "C.UTF-8",
        # Jobs share the processors: OpenMP threads that spin while they wait take them from those with work to do
        # (XGBoost beside another job on two cores: 3.4 to 4.6 s so, 3 to 9 s otherwise).
        "OMP_WAIT_POLICY": "PASSIVE",
        "PATH": os.pathsep.join((own, "/usr/local/bin", "/usr/bin", "/bin")),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",
    }


def moved(text: str, folder: Path) -> str:
    """``text`` with a path of the inside, if it is one or JSON that holds some, replaced by the one outside."""
    if text == OPT_ML or text.startswith(f"{OPT_ML}/"):
        return str(folder) + text[len(OPT_ML) :]
    return text.replace(f'"{OPT_ML}/', f'"{folder}/')


def literal_path(code: Path) -> tuple[Path, int] | None:
    """The first line of Python or shell code that names /opt/ml: (file, line number)."""
    for path in sorted(p for p in code.rglob("*") if p.suffix in (".py", ".sh")):
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        for number, line in enumerate(lines, 1):
            if OPT_ML in line and not line.lstrip().startswith("#"):
                return path, number
    return None
