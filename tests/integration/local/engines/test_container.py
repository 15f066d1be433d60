"""Jobs that find their files at /opt/ml."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from headwater.local.engines import container
from headwater.local.engines.container import ContainerEngine, ContainerSpec, ContainerUnavailable, moved
from headwater.local.engines.opt_ml_link import OptMlLink
from headwater.local.jobs import JobSupervisor
from headwater.local.store import Store

WAIT_S = 30
namespaces = pytest.mark.skipif(bool(container.refusal()), reason=f"no mount namespaces: {container.refusal()}")


@pytest.fixture
def jobs(tmp_path: Path) -> Iterator[JobSupervisor]:
    store = Store(tmp_path / "state.sqlite")
    supervisor = JobSupervisor(store, tmp_path)
    yield supervisor
    supervisor.close()
    store.close()


def spec(folder: Path, script: str, name: str = "job", **options: object) -> ContainerSpec:
    (folder / "code").mkdir(parents=True, exist_ok=True)
    (folder / "code" / "script.py").write_text(script)
    return ContainerSpec(
        id=name,
        folder=folder,
        argv=["python3", "/opt/ml/code/script.py", *options.pop("words", ())],  # type: ignore[misc]
        directory="/opt/ml/code",
        environment={"SM_MODEL_DIR": "/opt/ml/model"},
        log_group="/aws/sagemaker/TrainingJobs",
        log_stream=name,
        code=["/opt/ml/code"],
        **options,  # type: ignore[arg-type]
    )


@namespaces
def test_each_job_has_its_own_opt_ml(jobs: JobSupervisor, tmp_path: Path) -> None:
    engine = ContainerEngine(jobs)
    script = "import pathlib, os; pathlib.Path('/opt/ml/out').write_text(os.getcwd() + ' ' + '{}')"
    running = [engine.start(spec(tmp_path / name, script.format(name), name)) for name in ("a", "b")]
    assert [job.wait(WAIT_S).code for job in running] == [0, 0]
    assert (tmp_path / "a" / "out").read_text() == "/opt/ml/code a"
    assert (tmp_path / "b" / "out").read_text() == "/opt/ml/code b"


@namespaces
def test_what_opt_held_is_still_there(jobs: JobSupervisor, tmp_path: Path) -> None:
    held = sorted(set(os.listdir("/opt")) | {"ml"}) if os.path.isdir("/opt") else ["ml"]
    engine = ContainerEngine(jobs)
    exit = engine.start(spec(tmp_path / "job", "import os; print(*sorted(os.listdir('/opt')))")).wait(WAIT_S)
    assert exit.tail[-1].split() == held


@namespaces
def test_the_command_keeps_its_exit_code_and_finds_this_interpreter(jobs: JobSupervisor, tmp_path: Path) -> None:
    script = "import sys; print(sys.prefix); sys.exit(3)"
    exit = ContainerEngine(jobs).start(spec(tmp_path / "job", script)).wait(WAIT_S)
    assert (exit.code, exit.tail[-1]) == (3, sys.prefix)


def test_a_missing_program_is_told(jobs: JobSupervisor, tmp_path: Path) -> None:
    folder = tmp_path / "job"
    folder.mkdir()
    command = [sys.executable, "-I", "-S", str(container.LAUNCHER), str(folder), "/opt/ml", "no-such-program"]
    path = {"PATH": "/usr/bin:/bin"}
    tried = subprocess.run(command, capture_output=True, text=True, timeout=WAIT_S, env=path)
    if not container.refusal():
        assert (tried.returncode, tried.stderr) == (127, "no-such-program: No such file or directory\n")
    else:
        assert tried.returncode == container.opt_ml.REFUSED


def test_without_namespaces_arguments_and_variables_point_at_the_folder(jobs: JobSupervisor, tmp_path: Path) -> None:
    folder = tmp_path / "job"
    script = "import os, sys; print(os.environ['SM_MODEL_DIR'], sys.argv[1], os.getcwd())"
    engine = ContainerEngine(jobs, isolated=False, link=tmp_path / "none")
    exit = engine.start(spec(folder, script, words=["/opt/ml/input"])).wait(WAIT_S)
    assert exit.tail[-1] == f"{folder}/model {folder}/input {folder}/code"


def test_without_namespaces_code_that_names_opt_ml_is_refused_with_the_line(
    jobs: JobSupervisor, tmp_path: Path
) -> None:
    script = "import os\n# /opt/ml in a comment\nprint(os.listdir('/opt/ml/model'))\n"
    with pytest.raises(ContainerUnavailable, match="script.py line 3 names /opt/ml"):
        ContainerEngine(jobs, isolated=False, link=tmp_path / "none").start(spec(tmp_path / "job", script))


def test_by_a_link_jobs_take_turns(jobs: JobSupervisor, tmp_path: Path) -> None:
    link = tmp_path / "opt-ml"
    link.symlink_to(tmp_path / "turned")
    engine = ContainerEngine(jobs, isolated=False, link=link)
    script = f"import os; print(os.path.realpath('{link}'))"
    argv = ["python3", f"{link}/code/script.py"]
    running = [engine.start(replace(spec(tmp_path / name, script, name), argv=argv)) for name in ("a", "b")]
    assert [job.wait(WAIT_S).tail[-1] for job in running] == [str(tmp_path / "a"), str(tmp_path / "b")]
    assert running[0].exit.done()


def test_a_folder_at_opt_ml_is_no_link_to_turn(tmp_path: Path) -> None:
    folder, link = tmp_path / "folder", tmp_path / "link"
    folder.mkdir()
    link.symlink_to(folder)
    assert not OptMlLink(folder).usable
    assert not OptMlLink(link).usable
    assert not OptMlLink(tmp_path / "absent").usable


def test_moved_leaves_other_text_alone(tmp_path: Path) -> None:
    assert moved("/opt/mlx", tmp_path) == "/opt/mlx"
    assert moved('{"dir": "/opt/ml/model"}', tmp_path) == f'{{"dir": "{tmp_path}/model"}}'
    assert moved("/opt/ml", tmp_path) == str(tmp_path)
