"""Spark stages on clusters of their own: what the plan asks for, and the machine that makes and terminates clusters."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from headwater import Lake, Workflow
from headwater.plan.emr.fleets import Fleet, fleets
from headwater.plan.plan import Plan, make_plan
from tests.unit.plan.simulator import Failure, Simulator


@pytest.fixture
def project(tmp_path: Path) -> Workflow:
    lake = Lake("lake")
    workflow = Workflow("w", lake, tags={"Team": "north"}, subnet_ids=["subnet-0a1b2c3d"])
    workflow.root = tmp_path
    (tmp_path / "a.py").write_text("from pyspark.sql import SparkSession\n")
    workflow.spark("a", "a.py", reads=lake.raw("x"), writes=lake.processed("y"), engine="emr", worker_type="R.2X")
    return workflow


def walk(plan: Plan, failing: dict[str, Failure] | None = None) -> tuple[Simulator, Any]:
    """Walk the machine of clusters with what the workflow's own machine gives it."""
    outer = Simulator(plan.definition, lambda name, state, arguments: {}, {})
    outer.run()
    given = outer.arguments["a"]["Input"]

    def answer(name: str, state: dict[str, Any], arguments: Any) -> Any:
        if failing and name in failing:
            raise failing[name]
        return {"ClusterId": "j-1", "Step": {"Id": "s-1"}}

    document = json.loads(plan.template["Resources"]["SparkClusters"]["Properties"]["DefinitionString"])
    inner = Simulator(document, answer, given)
    try:
        return inner, inner.run()
    except Failure as failure:
        return inner, failure


@pytest.mark.parametrize(
    ("workers", "spot", "expected"),
    [
        (1, True, {"MASTER": (1, False), "CORE": (1, False)}),
        (2, True, {"MASTER": (1, False), "CORE": (2, False)}),
        (16, True, {"MASTER": (1, False), "CORE": (2, False), "TASK": (14, True)}),
        (16, False, {"MASTER": (1, False), "CORE": (2, False), "TASK": (14, False)}),
    ],
)
def test_only_task_nodes_are_on_spot(workers: int, spot: bool, expected: dict[str, tuple[int, bool]]) -> None:
    lake = Lake("lake")
    workflow = Workflow("w", lake)
    stage = workflow.spark("a", "a.py", reads=lake.raw("x"), engine="emr", emr_workers=workers, emr_spot=spot)
    made: tuple[Fleet, ...] = fleets(stage)
    assert {fleet.kind: (fleet.instances, fleet.spot) for fleet in made} == expected
    assert all(fleet.instance_types[0] == "m5.xlarge" and len(fleet.instance_types) == 5 for fleet in made)


def test_a_cluster_is_asked_for_with_its_fleets_tags_logs_and_its_end(project: Workflow) -> None:
    inner, ended = walk(make_plan(project))
    assert ended == {"ClusterId": "j-1", "StepId": "s-1", "ExecutionTime": pytest.approx(0, abs=5)}
    assert inner.visited == ["make the cluster", "run the step", "terminate the cluster", "ran"]
    asked = inner.arguments["make the cluster"]
    assert asked["AutoTerminationPolicy"] == {"IdleTimeout": 600}
    assert asked["Instances"]["KeepJobFlowAliveWhenNoSteps"] is True
    assert asked["Instances"]["Ec2SubnetIds"] == ["subnet-0a1b2c3d"]
    master, core, task = asked["Instances"]["InstanceFleets"]
    assert (master["TargetOnDemandCapacity"], core["TargetOnDemandCapacity"], task["TargetSpotCapacity"]) == (1, 2, 14)
    assert task["LaunchSpecifications"]["SpotSpecification"]["TimeoutAction"] == "SWITCH_TO_ON_DEMAND"
    assert task["InstanceTypeConfigs"][0]["InstanceType"] == "r5.2xlarge"
    tags = {tag["Key"]: tag["Value"] for tag in asked["Tags"]}
    assert tags["Team"] == "north" and tags["headwater:workflow"] == "w" and tags["headwater:stage"] == "a"
    unique = asked["Name"].removeprefix("w-a-")
    assert len(unique) == 12 and asked["LogUri"].endswith(f"/_headwater/logs/emr/a/{unique}/")
    words = inner.arguments["run the step"]["Step"]["HadoopJarStep"]["Args"]
    assert words[:3] == ["spark-submit", "--deploy-mode", "client"] and "--X_PATH" in words


def test_a_failed_step_terminates_its_cluster_and_fails_with_its_own_error(project: Workflow) -> None:
    inner, failure = walk(make_plan(project), {"run the step": Failure("States.TaskFailed", "no such day")})
    assert inner.visited == ["make the cluster", "run the step", "terminate after a failure", "failed"]
    assert isinstance(failure, Failure) and (failure.error, failure.cause) == ("States.TaskFailed", "no such day")


def test_a_step_that_ran_has_run_though_its_cluster_is_not_terminated_at_once(project: Workflow) -> None:
    denied = Failure("ElasticMapReduce.AmazonElasticMapReduceException", "not authorized")
    inner, ended = walk(make_plan(project), {"terminate the cluster": denied})
    assert inner.visited[-1] == "ran" and ended["StepId"] == "s-1"


def test_each_stage_on_a_cluster_has_a_role_of_its_nodes_and_nothing_of_glue(project: Workflow) -> None:
    resources = make_plan(project).template["Resources"]
    assert resources["AInstanceProfile"]["Properties"]["Roles"] == [{"Ref": "ARole"}]
    assert "AJob" not in resources and "SparkApplication" not in resources
    for name, service in (("ARole", "ec2"), ("RoleOfEmr", "elasticmapreduce"), ("RoleOfSparkClusters", "states")):
        (statement,) = resources[name]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
        assert statement["Principal"]["Service"] == f"{service}.amazonaws.com"
    network = next(
        each
        for each in resources["RoleOfEmr"]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]
        if each["Sid"] == "UseNetwork"
    )
    assert [each["Fn::Sub"].rsplit(":", 1)[1] for each in network["Resource"]] == [
        "subnet/subnet-0a1b2c3d",
        "security-group/*",
    ]


def test_without_such_a_stage_there_is_no_machine_of_clusters(sample: Plan) -> None:
    assert not {"SparkClusters", "RoleOfEmr", "RoleOfSparkClusters"} & sample.template["Resources"].keys()
