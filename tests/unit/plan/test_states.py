"""The compiled state machine, walked with real JSONata."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from headwater import Lake, Workflow, load_workflow
from headwater.plan.plan import Plan, make_plan
from tests.unit.plan.simulator import Failure, Simulator

BODY = ["catalog", "clean", "aggregate", "label", "fit", "judge", "accurate", "fair", "publish", "summarise"]


class Services:
    """Answers tasks as AWS would; failures and metrics may be set."""

    def __init__(self, **metrics: object) -> None:
        self.metrics: dict[str, object] = {"mae": 11.5, "bias": 0.1, **metrics}
        self.failing: dict[str, Failure] = {}
        self.crawls = [{"State": "RUNNING"}, {"State": "READY", "LastCrawl": {"Status": "SUCCEEDED"}}]

    def __call__(self, name: str, state: dict[str, Any], arguments: Any) -> Any:
        if name in self.failing:
            raise self.failing[name]
        resource = state["Resource"].removeprefix("arn:aws:states:::")
        if resource == "aws-sdk:glue:getCrawler":
            return {"Crawler": self.crawls.pop(0) if len(self.crawls) > 1 else self.crawls[0]}
        if resource == "aws-sdk:s3:getObject":
            return {"Body": json.dumps(self.metrics)}
        if resource == "aws-sdk:sagemaker:createModelPackage":
            return {"ModelPackageArn": "arn:package/1"}
        if resource == "sagemaker:createTrainingJob.sync":
            return {"ModelArtifacts": {"S3ModelArtifacts": f"s3://b/{arguments['TrainingJobName']}/model.tar.gz"}}
        return {}


def walk(plan: Plan, services: Services, **run_input: object) -> tuple[Simulator, Any]:
    simulator = Simulator(plan.definition, services, run_input)
    try:
        return simulator, simulator.run()
    except Failure as failure:
        return simulator, failure


def stages_of(simulator: Simulator, plan: Plan) -> list[str]:
    return [name for name in simulator.visited if plan.stage_of_state(name) == name]


def test_every_stage_runs_once_after_what_it_needs(sample: Plan) -> None:
    simulator, output = walk(sample, Services())
    ran = stages_of(simulator, sample)
    assert sorted(ran) == sorted([*BODY, "notify"])
    for stage in sample.stages:
        for before in stage.after:
            assert ran.index(before) < ran.index(stage.name)
    assert output["metrics_judge"] == {"mae": 11.5, "bias": 0.1}
    assert output["package_demand"] == "arn:package/1"


def test_parameters_default_and_override(sample: Plan) -> None:
    simulator, _ = walk(sample, Services(), RUN_DATE="2026-11", HORIZON=9)
    arguments = simulator.arguments["clean"]["Arguments"]
    assert arguments == {"--RUN_DATE": "2026-11", "--HORIZON": "9", "--DRY": "false"}
    assert simulator.arguments["label"]["Environment"]["HORIZON"] == "9"
    event = simulator.arguments["summarise"]["Payload"]
    assert event["run"]["id"] == "run-1" and event["run"]["RUN_DATE"] == "2026-11" and event["status"] == "RUNNING"


def test_the_model_of_this_run_reaches_its_readers(sample: Plan) -> None:
    simulator, output = walk(sample, Services())
    made = output["model_demand"]
    assert made.endswith("/model.tar.gz")
    assert simulator.arguments["judge"]["ProcessingInputs"][1]["S3Input"]["S3Uri"] == made
    container = simulator.arguments["publish"]["InferenceSpecification"]["Containers"][0]
    assert container["ModelDataUrl"] == made
    assert simulator.arguments["summarise"]["Payload"]["reads"]["demand"] == made


def test_job_names_are_unique_and_short(sample: Plan) -> None:
    simulator, _ = walk(sample, Services())
    name = simulator.arguments["fit"]["TrainingJobName"]
    assert re.fullmatch(r"demand-fit-[0-9a-f]{12}-0-0", name)
    expression = _find(sample.definition, "fit")["Arguments"]["TrainingJobName"]
    assert "State.RetryCount" in expression and "Execution.RedriveCount" in expression


def test_data_only_runs_the_period_part_and_the_functions_for_the_end(sample: Plan) -> None:
    simulator, _ = walk(sample, Services(), DATA_ONLY=True)
    assert stages_of(simulator, sample) == [*sample.period, "notify"] == ["catalog", "clean", "aggregate", "notify"]


def test_a_failure_ends_the_execution_where_it_failed_so_that_a_redrive_goes_on_there(sample: Plan) -> None:
    services = Services()
    services.failing["label"] = Failure("States.TaskFailed", "exit code 1")
    simulator, failure = walk(sample, services)
    assert (failure.error, failure.cause) == ("States.TaskFailed", "exit code 1")
    assert simulator.visited[-1] == "label"


def test_the_functions_for_the_end_are_told_of_success(sample: Plan) -> None:
    simulator, output = walk(sample, Services())
    event = simulator.arguments["notify"]["Payload"]
    assert (event["status"], event["error"]) == ("SUCCEEDED", None)
    assert event["results"]["metrics_judge"] == output["metrics_judge"]
    assert "alarm" not in simulator.visited


@pytest.mark.parametrize("stage", ["alarm", "notify"])
def test_a_rule_starts_the_functions_for_the_end_when_a_run_did_not_succeed(sample: Plan, stage: str) -> None:
    resources = sample.template["Resources"]
    rule = resources[f"{stage.title()}Rule"]["Properties"]
    assert rule["EventPattern"]["detail"] == {
        "stateMachineArn": [{"Ref": "StateMachine"}],
        "status": ["FAILED", "TIMED_OUT", "ABORTED"],
    }
    assert rule["Targets"][0]["Arn"] == {"Fn::GetAtt": [f"{stage.title()}Function", "Arn"]}
    permission = resources[f"{stage.title()}Permission"]["Properties"]
    assert permission["Principal"] == "events.amazonaws.com"
    assert permission["SourceArn"] == {"Fn::GetAtt": [f"{stage.title()}Rule", "Arn"]}


def test_a_rule_hands_on_the_event_of_a_run_that_failed(sample: Plan) -> None:
    transformer = sample.template["Resources"]["NotifyRule"]["Properties"]["Targets"][0]["InputTransformer"]
    text = transformer["InputTemplate"]["Fn::Sub"]
    given = {"id": "run-1", "start": 1, "input": '{"RUN_DATE": ""}', "status": "FAILED", "error": "E", "cause": None}
    assert set(transformer["InputPathsMap"]) == set(given)
    for name, value in given.items():
        text = text.replace(f"<{name}>", json.dumps(value))
    event = json.loads(text)
    assert event["run"] == {"id": "run-1", "start": 1, "input": '{"RUN_DATE": ""}'}
    assert (event["status"], event["error"]) == ("FAILED", {"Error": "E", "Cause": None})
    assert event["reads"]["demand"] == "s3://${LakeBucket}/models/demand/"


def test_a_closed_gate_names_value_and_threshold(sample: Plan) -> None:
    simulator, failure = walk(sample, Services(mae=12.25))
    assert failure.error == "Headwater.GateClosed"
    assert failure.cause == "Gate accurate is closed: mae of judge is 12.25, and must be <= 12"
    assert "publish" not in simulator.visited


@pytest.mark.parametrize("value", [None, "0.1", True])
def test_a_metric_that_is_no_number_is_named(sample: Plan, value: object) -> None:
    failure = walk(sample, Services(bias=value))[1]
    assert failure.error == "Headwater.MetricMissing" and "bias of judge" in failure.cause


def test_a_failed_crawl_is_made_once_more_then_fails_with_glues_message(sample: Plan) -> None:
    services = Services()
    services.crawls = [{"State": "READY", "LastCrawl": {"Status": "FAILED", "ErrorMessage": "no access"}}]
    simulator, failure = walk(sample, services)
    assert failure.error == "Headwater.CrawlFailed" and "no access" in failure.cause
    assert simulator.visited.count("catalog") == 2


def test_a_crawl_that_does_not_end_times_out(sample: Plan) -> None:
    services = Services()
    services.crawls = [{"State": "RUNNING"}]
    simulator, failure = walk(sample, services)
    assert failure.error == "Headwater.CrawlTimedOut"
    assert 3600 / 30 < simulator.visited.count("catalog: wait") < 3600 / 30 + 10


def test_every_task_retries_with_full_jitter_and_a_cap_and_has_a_timeout(sample: Plan) -> None:
    tasks = [state for state in _all(sample.definition) if state["Type"] == "Task"]
    # more: one watches the crawl, one lists what aggregate reads, one runs it on EMR; less: alarm is no state
    assert len(tasks) == len(sample.stages) + 2
    for task in tasks:
        assert task["TimeoutSeconds"] > 0
        for retrier in task["Retry"]:
            assert retrier["JitterStrategy"] == "FULL" and retrier["MaxDelaySeconds"] > retrier["IntervalSeconds"]
    retried = _find(sample.definition, "clean")["Retry"][-1]
    assert (retried["ErrorEquals"], retried["MaxAttempts"]) == (["States.TaskFailed"], 2)


def test_without_functions_for_the_end_there_is_only_the_work(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("def handler(event, context): ...\n")
    workflow = Workflow("w", Lake("lake"))
    workflow.root = tmp_path
    workflow.function("a", "a.py")
    plan = make_plan(workflow)
    assert list(plan.definition["States"]) == ["headwater: start", "a"]
    simulator, _ = walk(plan, Services(), DATA_ONLY=True)
    assert simulator.visited == ["headwater: start", "a"]


def test_the_flights_example_compiles_to_its_ten_stages() -> None:
    plan = make_plan(load_workflow(Path(__file__).parents[3] / "examples" / "flights"))
    services = Services(auc=0.71)
    simulator, output = walk(plan, services)
    assert stages_of(simulator, plan) == [
        *("validate", "catalog", "clean", "featurise", "split", "fit", "evaluate", "good enough", "register"),
        "notify",
    ]
    assert plan.period == ("validate", "catalog", "clean", "featurise")
    assert output["metrics_evaluate"]["auc"] == 0.71


def _all(machine: dict[str, Any]) -> list[dict[str, Any]]:
    found = []
    for state in machine["States"].values():
        found.append(state)
        for branch in state.get("Branches", ()):
            found += _all(branch)
    return found


def _find(machine: dict[str, Any], name: str) -> dict[str, Any]:
    if name in machine["States"]:
        return machine["States"][name]
    branches = [branch for state in machine["States"].values() for branch in state.get("Branches", ())]
    return next((found for branch in branches if (found := _find(branch, name))), {})
