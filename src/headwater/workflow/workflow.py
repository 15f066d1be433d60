"""A workflow: a lake, and the stages that read and write it.

Reads and writes order the stages; ``after=`` orders what data does not. Declaring never raises for a mistake: mistakes
are gathered and :meth:`Workflow.check` raises them all at once, each with the file and line of its call. An unknown
keyword is Python's TypeError.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TypeVar

from headwater.errors import DeclarationError, Mistake
from headwater.workflow.lake import Dataset, Lake
from headwater.workflow.origin import Origin, caller
from headwater.workflow.stages import (
    Condition,
    CrawlerStage,
    Engine,
    FunctionStage,
    GateStage,
    MetricDefinition,
    ProcessingStage,
    RegisterStage,
    SparkStage,
    Stage,
    TrainingStage,
    When,
)

Datasets = Dataset | Iterable[Dataset]
After = str | Stage | Iterable[str | Stage]
Parameter = str | int | float | bool
S = TypeVar("S", bound=Stage)

RUN_DATE = "RUN_DATE"


class Workflow:
    """The stages of one state machine.

    Parameters
    ----------
    name:
        The workflow's name, which is its stack's and its state machine's too.
    lake:
        The lake that it reads and writes.
    schedule:
        An EventBridge Scheduler expression, `cron(…)` or `rate(…)`, in UTC.
    tags:
        Tags for every resource.
    subnet_ids:
        The subnets that EMR may choose from for a cluster; none for those of the account's default VPC.
    budget_usd:
        What it may cost on AWS: a month if there is a schedule, a run if not. `headwater deploy` refuses a plan whose
        estimate is above it. In US dollars, without taxes.
    parameters:
        Run parameters and their defaults. RUN_DATE always exists, with the default "" (all the data there is).
    """

    def __init__(
        self,
        name: str,
        lake: Lake,
        *,
        schedule: str | None = None,
        tags: Mapping[str, str] | None = None,
        subnet_ids: Iterable[str] = (),
        budget_usd: float | None = None,
        parameters: Mapping[str, Parameter] | None = None,
    ) -> None:
        self.name = name
        self.lake = lake
        self.schedule = schedule
        self.tags = dict(tags or {})
        self.subnet_ids = (subnet_ids,) if isinstance(subnet_ids, str) else tuple(subnet_ids)
        self.budget_usd = budget_usd
        self.parameters: dict[str, Parameter] = {RUN_DATE: "", **(parameters or {})}
        self.origin = caller()
        self.root = Path(self.origin.file).resolve().parent
        self.stages: list[Stage] = []
        self.noted: list[Mistake] = []

    def __repr__(self) -> str:
        return f"Workflow({self.name!r}, {len(self.stages)} stages)"

    def function(
        self,
        name: str,
        script: str,
        *,
        reads: Datasets = (),
        writes: Datasets = (),
        after: After = (),
        when: When = "success",
        handler: str | None = None,
        memory_mb: int = 512,
        requirements: str | None = None,
        architecture: str = "x86_64",
        timeout_s: int = 300,
        retries: int = 0,
    ) -> FunctionStage:
        """Declare a Lambda function.

        Parameters
        ----------
        name, reads, writes, after, timeout_s, retries:
            As in :class:`~headwater.workflow.stages.Stage`.
        script:
            A Python file of the project, or a folder that holds `handler.py` and whatever it needs.
        when:
            "success" runs it in its place; "always" and "failure" run it at the end, whatever happened or only when
            the run failed, before the run ends with its own error.
        handler:
            The handler's name in the script.
        memory_mb:
            128 to 10,240.
        requirements:
            A file of pinned packages for its bundle; by default the requirements.txt beside the script, if any.
        architecture:
            "x86_64" or "arm64": what the function runs on, and which wheels its bundle holds.
        """
        return self._add(
            FunctionStage(
                name=name,
                script=script,
                reads=self._datasets("reads", reads),
                writes=self._datasets("writes", writes),
                after=_names(after),
                when=when,
                handler=handler,
                memory_mb=memory_mb,
                requirements=requirements,
                architecture=architecture,
                timeout_s=timeout_s,
                retries=retries,
                origin=caller(),
            )
        )

    def crawler(self, name: str, *, reads: Datasets, after: After = (), timeout_s: int = 3600) -> CrawlerStage:
        """Declare a Glue crawler that catalogues the datasets it reads, a table each, named as the dataset."""
        datasets = self._datasets("reads", reads)
        return self._add(
            CrawlerStage(name=name, reads=datasets, after=_names(after), timeout_s=timeout_s, origin=caller())
        )

    def spark(
        self,
        name: str,
        script: str,
        *,
        reads: Datasets = (),
        writes: Datasets = (),
        after: After = (),
        bookmark: bool = False,
        flex: bool | None = None,
        engine: Engine = "glue",
        emr_above_gb: float = 100,
        emr_workers: int = 16,
        emr_spot: bool = True,
        worker_type: str = "G.1X",
        workers: int = 2,
        timeout_s: int = 7200,
        retries: int = 0,
    ) -> SparkStage:
        """Declare a Spark job on Glue, EMR Serverless or an EMR cluster.

        Parameters
        ----------
        name, reads, writes, after, timeout_s, retries:
            As in :class:`~headwater.workflow.stages.Stage`.
        script:
            A PySpark file of the project.
        bookmark:
            Whether the job reads only what is new since its last success: Glue's.
        flex:
            Whether Glue runs it on spare capacity, for about a third less: it may start later, and start over. By
            default wherever Glue allows it, which is for workers G.1X and G.2X.
        engine:
            "glue"; "emr-serverless"; "emr", a cluster that is made for the stage and terminated after it; or "auto":
            Glue, or EMR Serverless when what the stage reads is larger than ``emr_above_gb``, measured each time that
            it runs.
        emr_above_gb:
            The threshold of "auto", in GB of 10^9 bytes.
        emr_workers:
            The most workers that EMR Serverless may add as the job needs them, or the nodes of a cluster, beside the
            driver.
        emr_spot:
            Whether the nodes of a cluster but its first two, which hold data, are spot capacity: AWS may take such a
            node back at any time, and Spark then runs again what it had done there.
        worker_type, workers:
            Glue's worker type and how many of them, the driver's included; workers of EMR are of the same size.
        """
        return self._add(
            SparkStage(
                name=name,
                script=script,
                reads=self._datasets("reads", reads),
                writes=self._datasets("writes", writes),
                after=_names(after),
                bookmark=bookmark,
                flex=flex,
                engine=engine,
                emr_above_gb=emr_above_gb,
                emr_workers=emr_workers,
                emr_spot=emr_spot,
                worker_type=worker_type,
                workers=workers,
                timeout_s=timeout_s,
                retries=retries,
                origin=caller(),
            )
        )

    def processing(
        self,
        name: str,
        script: str,
        *,
        reads: Datasets = (),
        writes: Datasets = (),
        metrics: str | Iterable[str] = (),
        after: After = (),
        framework: str = "sklearn",
        instance_type: str = "ml.m5.large",
        instance_count: int = 1,
        volume_gb: int = 30,
        timeout_s: int = 3600,
        retries: int = 0,
    ) -> ProcessingStage:
        """Declare a SageMaker processing job.

        Parameters
        ----------
        name, reads, writes, after, timeout_s, retries:
            As in :class:`~headwater.workflow.stages.Stage`.
        script:
            A Python file of the project, run by the framework image's Python.
        metrics:
            Names of the numbers that the script writes to `/opt/ml/processing/output/metrics/metrics.json`.
        framework:
            The image: "sklearn" or "xgboost".
        instance_type, instance_count, volume_gb:
            The machines, and each one's disk in GB.
        """
        return self._add(
            ProcessingStage(
                name=name,
                script=script,
                reads=self._datasets("reads", reads),
                writes=self._datasets("writes", writes),
                metrics=(metrics,) if isinstance(metrics, str) else tuple(metrics),
                after=_names(after),
                framework=framework,
                instance_type=instance_type,
                instance_count=instance_count,
                volume_gb=volume_gb,
                timeout_s=timeout_s,
                retries=retries,
                origin=caller(),
            )
        )

    def training(
        self,
        name: str,
        script: str,
        *,
        reads: Datasets,
        writes: Datasets,
        after: After = (),
        framework: str = "xgboost",
        hyperparameters: Mapping[str, object] | None = None,
        metric_definitions: str | Iterable[str] | Mapping[str, str] = (),
        instance_type: str = "ml.m5.large",
        instance_count: int = 1,
        volume_gb: int = 30,
        spot: bool = True,
        max_wait_s: int | None = None,
        timeout_s: int = 3600,
        retries: int = 0,
    ) -> TrainingStage:
        """Declare a SageMaker training job in script mode.

        Parameters
        ----------
        name, reads, writes, after, timeout_s, retries:
            As in :class:`~headwater.workflow.stages.Stage`; each dataset read is a channel, the one written a model.
        script:
            A Python file of the project; its folder goes along.
        framework:
            The image: "sklearn" or "xgboost".
        hyperparameters:
            Passed to the script as `--name value`.
        metric_definitions:
            Numbers in the log: names of fields of its JSON lines, or names with regular expressions whose group holds
            the number. SageMaker keeps each one's last value with the job and all of them in CloudWatch; the fields go
            to the workflow's own metrics too.
        instance_type, instance_count, volume_gb:
            The machines, and each one's disk in GB.
        spot:
            Managed spot capacity, with checkpoints: AWS may take the machine back at any time, so the script must save
            to /opt/ml/checkpoints and go on from there.
        max_wait_s:
            How long to wait for spot capacity and the training together; twice ``timeout_s`` unless given.
        """
        return self._add(
            TrainingStage(
                name=name,
                script=script,
                reads=self._datasets("reads", reads),
                writes=self._datasets("writes", writes),
                after=_names(after),
                framework=framework,
                hyperparameters=dict(hyperparameters or {}),
                metric_definitions=_metric_definitions(metric_definitions),
                instance_type=instance_type,
                instance_count=instance_count,
                volume_gb=volume_gb,
                spot=spot,
                max_wait_s=2 * timeout_s if max_wait_s is None else max_wait_s,
                timeout_s=timeout_s,
                retries=retries,
                origin=caller(),
            )
        )

    def gate(self, name: str, condition: Condition, *, after: After = ()) -> GateStage:
        """Declare a gate: the run fails, naming the value and the threshold, unless the condition holds.

        It stands after the stage that emits the metric. Every stage declared after the gate that depends, itself or
        through what it reads, on a dataset that this stage read or wrote, waits for the gate.
        """
        origin = caller()
        if not isinstance(condition, Condition):
            self._note(f'gate "{name}": expected stage.metric("…") >= number (or >, <=, <), got {condition!r}', origin)
        return self._add(GateStage(name=name, condition=condition, after=_names(after), timeout_s=60, origin=origin))

    def register(self, name: str, model: Dataset, *, after: After = (), approve: bool = False) -> RegisterStage:
        """Declare a new version of a model in its SageMaker model package group.

        Parameters
        ----------
        model:
            The model dataset; its group is named after workflow and dataset.
        approve:
            Whether the version is Approved at once rather than PendingManualApproval.
        """
        reads = self._datasets("model", model)
        return self._add(
            RegisterStage(name=name, reads=reads, after=_names(after), approve=approve, timeout_s=300, origin=caller())
        )

    def check(self) -> None:
        """Find every mistake of the declaration.

        Raises
        ------
        DeclarationError
            With all of them, in the order of their lines.
        """
        from headwater.workflow.mistakes import find_mistakes

        mistakes = find_mistakes(self)
        if mistakes:
            raise DeclarationError(mistakes)

    def _add(self, stage: S) -> S:
        self.stages.append(stage)
        return stage

    def _datasets(self, argument: str, given: Datasets) -> tuple[Dataset, ...]:
        items = (given,) if isinstance(given, Dataset | str) or not isinstance(given, Iterable) else tuple(given)
        for item in items:
            if not isinstance(item, Dataset):
                self._note(f"{argument}= takes datasets of the lake, got {item!r}: declare it with lake.raw(…) or so")
        return tuple(item for item in items if isinstance(item, Dataset))

    def _note(self, message: str, origin: Origin | None = None) -> None:
        place = origin or caller()
        self.noted.append(Mistake(place.file, place.line, message))


def _metric_definitions(given: str | Iterable[str] | Mapping[str, str]) -> tuple[MetricDefinition, ...]:
    if isinstance(given, Mapping):
        return tuple(MetricDefinition(name, regex) for name, regex in given.items())
    return tuple(MetricDefinition(name) for name in ((given,) if isinstance(given, str) else given))


def _names(after: After) -> tuple[str, ...]:
    items = (after,) if isinstance(after, str | Stage) else tuple(after)
    return tuple(item.name if isinstance(item, Stage) else str(item) for item in items)
