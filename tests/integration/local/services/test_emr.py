"""Transient EMR clusters: steps on real Spark, waited for by a state machine; failing steps and refusals."""

from __future__ import annotations

import gzip
import json
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from headwater.local.endpoint import EndpointSettings, LocalEndpoint
from headwater.local.engines.spark_jvm import installed_spark
from tests.conftest import client_factory

Aws = Callable[..., Any]
RELEASE = "emr-7.5.0" if (installed_spark() or "").startswith("3.5") else "emr-spark-8.0.0"
SERVICES = ("ec2", "elasticmapreduce", "states")
SCRIPT = """
from pyspark.sql import SparkSession
spark = SparkSession.builder.getOrCreate()
spark.range(7).write.parquet("s3://lake/out/")
print("rows", spark.read.parquet("s3://lake/out/").count())
"""
TIDY = """
import signal, sys
def tidy(*_):
    print("tidied")
    sys.exit(0)
signal.signal(signal.SIGTERM, tidy)
open(sys.argv[1], "w").close()
signal.pause()
"""
MEET = """
import sys
from pyspark.sql import SparkSession
open(sys.argv[1], "w").close()
assert SparkSession.builder.getOrCreate().range(7).count() == 7
"""
REFUSED = "ElasticMapReduce.AmazonElasticMapReduceException"
OFTEN = {"Delay": 0.1, "MaxAttempts": 300}
pytestmark = [pytest.mark.spark, pytest.mark.timeout(300)]


@pytest.fixture
def cluster(aws: Aws) -> dict[str, Any]:
    return made_ready(aws)


def made_ready(aws: Aws) -> dict[str, Any]:
    """The roles, the lake and the script; gives RunJobFlow's members."""
    pytest.importorskip("pyspark")
    iam = aws("iam")
    trust = [
        {"Effect": "Allow", "Principal": {"Service": f"{s}.amazonaws.com"}, "Action": "sts:AssumeRole"}
        for s in SERVICES
    ]
    iam.create_role(RoleName="emr", AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": trust}))
    allow = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    iam.put_role_policy(RoleName="emr", PolicyName="all", PolicyDocument=json.dumps(allow))
    iam.create_instance_profile(InstanceProfileName="nodes")
    iam.add_role_to_instance_profile(InstanceProfileName="nodes", RoleName="emr")
    aws("s3").create_bucket(Bucket="lake")
    aws("s3").put_object(Bucket="lake", Key="code/job.py", Body=SCRIPT.encode())
    fleet = {
        "InstanceFleetType": "MASTER",
        "TargetSpotCapacity": 1,
        "InstanceTypeConfigs": [{"InstanceType": "m5.xlarge"}],
    }
    return {
        "Name": "big",
        "ReleaseLabel": RELEASE,
        "Applications": [{"Name": "Spark"}],
        "ServiceRole": "emr",
        "JobFlowRole": "nodes",
        "LogUri": "s3://lake/logs/",
        "Instances": {"KeepJobFlowAliveWhenNoSteps": True, "InstanceFleets": [fleet]},
    }


def step(script: str, action: str = "CONTINUE", *arguments: str) -> dict[str, Any]:
    words = ["spark-submit", "--deploy-mode", "cluster", f"s3://lake/code/{script}", *arguments]
    return {"Name": script, "ActionOnFailure": action, "HadoopJarStep": {"Jar": "command-runner.jar", "Args": words}}


class Ends:
    """Waits for states by the bus, not by polling."""

    def __init__(self, endpoint: LocalEndpoint) -> None:
        self._changed = threading.Condition()
        self._states: dict[str, list[str]] = {}
        for topic in ("emr.cluster", "emr.step", "states.execution"):
            endpoint.bus.subscribe(topic, self._take)

    def _take(self, event: dict[str, Any]) -> None:
        with self._changed:
            self._states.setdefault(event["id"], []).append(event["status"])
            self._changed.notify_all()

    def wait(self, id: str, *states: str) -> list[str]:
        with self._changed:
            assert self._changed.wait_for(lambda: {*states} & {*self._states.get(id, [])}, 120), self._states
            return self._states[id]


@pytest.fixture
def ends(endpoint: LocalEndpoint) -> Ends:
    return Ends(endpoint)


def test_a_state_machine_makes_a_cluster_runs_a_step_and_terminates_it(
    aws: Aws, ends: Ends, cluster: dict[str, Any]
) -> None:
    def task(name: str, arguments: dict[str, Any], **more: Any) -> dict[str, Any]:
        resource = f"arn:aws:states:::elasticmapreduce:{name}.sync"
        return {"Type": "Task", "Resource": resource, "Parameters": arguments, **more}

    made = {"ClusterId.$": "$.made.ClusterId"}
    states = {
        "Make": task("createCluster", cluster, ResultPath="$.made", Next="Step"),
        "Step": task("addStep", {**made, "Step": step("job.py")}, ResultPath="$.step", Next="End"),
        "End": task("terminateCluster", made, ResultPath=None, End=True),
    }
    machines = aws("stepfunctions")
    role = aws("iam").get_role(RoleName="emr")["Role"]["Arn"]
    definition = json.dumps({"StartAt": "Make", "States": states})
    machine = machines.create_state_machine(name="m", roleArn=role, definition=definition)["stateMachineArn"]
    execution = machines.start_execution(stateMachineArn=machine)["executionArn"]
    ends.wait(execution, "SUCCEEDED", "FAILED")
    told = machines.describe_execution(executionArn=execution)
    assert told["status"] == "SUCCEEDED", told
    emr = aws("emr")
    [listed] = emr.list_clusters(ClusterStates=["TERMINATED"])["Clusters"]
    assert listed["Status"]["StateChangeReason"]["Code"] == "USER_REQUEST"
    [ran] = emr.list_steps(ClusterId=listed["Id"])["Steps"]
    assert ran["Status"]["State"] == "COMPLETED"

    def log(name: str) -> str:
        key = f"logs/{listed['Id']}/steps/{ran['Id']}/{name}.gz"
        return gzip.decompress(aws("s3").get_object(Bucket="lake", Key=key)["Body"].read()).decode()

    assert "rows 7" in log("stdout") and "rows 7" not in log("stderr")
    assert "s3://lake/code/job.py'" in log("controller") and "exit code 0" in log("controller")


@pytest.mark.parametrize(
    ("action", "end", "code", "others"),
    [
        ("TERMINATE_CLUSTER", "TERMINATED_WITH_ERRORS", "STEP_FAILURE", "CANCELLED"),
        ("CANCEL_AND_WAIT", "WAITING", None, "CANCELLED"),
        ("CONTINUE", "WAITING", None, "FAILED"),
    ],
)
def test_a_step_whose_script_is_not_there_fails_and_acts(
    aws: Aws, ends: Ends, cluster: dict[str, Any], action: str, end: str, code: str | None, others: str
) -> None:
    emr = aws("emr")
    id = emr.run_job_flow(**cluster, Steps=[step("absent.py", action), step("absent-too.py")])["JobFlowId"]
    assert ends.wait(id, end)[:3] == ["STARTING", "BOOTSTRAPPING", "RUNNING"]
    assert emr.describe_cluster(ClusterId=id)["Cluster"]["Status"]["StateChangeReason"].get("Code") == code
    second, first = emr.list_steps(ClusterId=id)["Steps"]
    assert first["Status"]["State"] == "FAILED"
    assert "NoSuchKey: s3://lake/code/absent.py" in first["Status"]["FailureDetails"]["Message"]
    assert second["Status"]["State"] == others


def test_what_is_not_computed_is_refused_by_name(aws: Aws, ends: Ends, cluster: dict[str, Any]) -> None:
    emr = aws("emr")
    hive = {"Name": "hive", "HadoopJarStep": {"Jar": "command-runner.jar", "Args": ["hive-script"]}}
    with pytest.raises(ClientError, match="Headwater.UnsupportedStep.*hive-script"):
        emr.run_job_flow(**cluster, Steps=[hive])
    hadoop = step("job.py")
    hadoop["HadoopJarStep"]["MainClass"] = "Main"
    with pytest.raises(ClientError, match="does not compute MainClass of the step job.py"):
        emr.run_job_flow(**cluster, Steps=[hadoop])
    with pytest.raises(ClientError, match="does not compute HadoopVersion of Instances"):
        emr.run_job_flow(**{**cluster, "Instances": {**cluster["Instances"], "HadoopVersion": "2.4.0"}})
    bootstrap = [{"Name": "b", "ScriptBootstrapAction": {"Path": "s3://lake/b.sh"}}]
    with pytest.raises(ClientError, match="BootstrapActions"):
        emr.run_job_flow(**cluster, BootstrapActions=bootstrap)
    id = emr.run_job_flow(**{**cluster, "JobFlowRole": "nobody"})["JobFlowId"]
    ends.wait(id, "TERMINATED_WITH_ERRORS")
    reason = emr.describe_cluster(ClusterId=id)["Cluster"]["Status"]["StateChangeReason"]
    assert reason["Code"] == "VALIDATION_ERROR" and "nobody" in reason["Message"]


def test_a_cluster_takes_a_security_configuration_and_a_root_volume(
    endpoint: LocalEndpoint, aws: Aws, ends: Ends, cluster: dict[str, Any]
) -> None:
    emr = aws("emr")
    with pytest.raises(ClientError, match="Security configuration with name 'roles' does not exist"):
        emr.run_job_flow(**cluster, SecurityConfiguration="roles")
    with pytest.raises(ClientError, match="between 15 and 100 GiB, got 14"):
        emr.run_job_flow(**cluster, EbsRootVolumeSize=14)
    scoped = {"AuthorizationConfiguration": {"IAMConfiguration": {"EnableApplicationScopedIAMRole": True}}}
    emr.create_security_configuration(Name="roles", SecurityConfiguration=json.dumps(scoped))
    id = emr.run_job_flow(**cluster, SecurityConfiguration="roles", EbsRootVolumeSize=40)["JobFlowId"]
    emr.delete_security_configuration(Name="roles")
    told = emr.describe_cluster(ClusterId=id)["Cluster"]
    assert (told["SecurityConfiguration"], told["EbsRootVolumeSize"]) == ("roles", 40)
    role = f"arn:aws:iam::{endpoint.account}:role/nobody"
    [added] = emr.add_job_flow_steps(JobFlowId=id, Steps=[step("job.py")], ExecutionRoleArn=role)["StepIds"]
    ends.wait(added, "FAILED")
    failed = emr.describe_step(ClusterId=id, StepId=added)["Step"]["Status"]
    assert "sts:AssumeRole on resource" in failed["FailureDetails"]["Message"]
    plain = emr.run_job_flow(**cluster)["JobFlowId"]
    with pytest.raises(ClientError, match="EnableApplicationScopedIAMRole"):
        emr.add_job_flow_steps(JobFlowId=plain, Steps=[step("job.py")], ExecutionRoleArn=role)
    emr.terminate_job_flows(JobFlowIds=[id, plain])
    ends.wait(plain, "TERMINATED")


@pytest.fixture
def as_starter(endpoint: LocalEndpoint, aws: Aws) -> Callable[..., Any]:
    """EMR's client for a role with the given statements."""
    root = {"Effect": "Allow", "Principal": {"AWS": endpoint.account}, "Action": "sts:AssumeRole"}
    aws("iam").create_role(RoleName="starter", AssumeRolePolicyDocument=json.dumps({"Statement": [root]}))
    role = f"arn:aws:iam::{endpoint.account}:role/starter"

    def client(*statements: dict[str, Any]) -> Any:
        document = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **each} for each in statements]}
        aws("iam").put_role_policy(RoleName="starter", PolicyName="may", PolicyDocument=json.dumps(document))
        got = aws("sts").assume_role(RoleArn=role, RoleSessionName="me")["Credentials"]
        return client_factory(endpoint.url, got["AccessKeyId"], got["SecretAccessKey"], got["SessionToken"])("emr")

    return client


def pass_to(*services: str) -> dict[str, Any]:
    told = {"StringEquals": {"iam:PassedToService": list(services)}}
    return {"Action": "iam:PassRole", "Resource": "*", "Condition": told}


def test_who_starts_a_cluster_must_be_let_do_so_and_pass_both_roles(
    aws: Aws, as_starter: Callable[..., Any], cluster: dict[str, Any]
) -> None:
    tagged = {**cluster, "Tags": [{"Key": "team", "Value": "raw"}]}
    run = {"Action": "elasticmapreduce:RunJobFlow", "Resource": "*"}
    both = pass_to("ec2.amazonaws.com", "elasticmapreduce.amazonaws.com")
    for missing, *statements in (
        ("elasticmapreduce:RunJobFlow", {**run, "Resource": "arn:aws:elasticmapreduce:*:*:cluster/*"}, both),
        ("elasticmapreduce:AddTags", run, both),
        ("iam:PassRole", {**run, "Action": "elasticmapreduce:*"}, pass_to("ec2.amazonaws.com")),
        ("iam:PassRole", {**run, "Action": "elasticmapreduce:*"}, pass_to("elasticmapreduce.amazonaws.com")),
    ):
        with pytest.raises(ClientError, match=f"AccessDeniedException.*not authorized to perform: {missing} on"):
            as_starter(*statements).run_job_flow(**tagged)
    assert not aws("emr").list_clusters()["Clusters"]
    told = {"StringEquals": {"elasticmapreduce:RequestTag/team": "raw"}}
    tags = {"Action": "elasticmapreduce:AddTags", "Resource": "arn:aws:elasticmapreduce:*:*:cluster/*"}
    emr = as_starter({**run, "Condition": told}, {**tags, "Condition": told}, both)
    id = emr.run_job_flow(**tagged)["JobFlowId"]
    with pytest.raises(ClientError, match="not authorized to perform: elasticmapreduce:RunJobFlow"):
        emr.run_job_flow(**{**cluster, "Tags": [{"Key": "team", "Value": "other"}]})
    aws("emr").terminate_job_flows(JobFlowIds=[id])


def test_what_is_done_to_clusters_is_decided_for_each_by_its_tags(
    aws: Aws, ends: Ends, as_starter: Callable[..., Any], cluster: dict[str, Any]
) -> None:
    person = aws("emr")
    mine, other = [
        person.run_job_flow(**cluster, Tags=[{"Key": "Team", "Value": team}])["JobFlowId"] for team in ("raw", "else")
    ]
    for id in (mine, other):
        ends.wait(id, "WAITING")
    for key in ("aws:ResourceTag/team", "elasticmapreduce:ResourceTag/Team"):
        emr = as_starter({"Action": "elasticmapreduce:*", "Resource": "*", "Condition": {"StringEquals": {key: "raw"}}})
        for operation, members in (
            (emr.terminate_job_flows, {}),
            (emr.set_termination_protection, {"TerminationProtected": True}),
            (emr.set_visible_to_all_users, {"VisibleToAllUsers": False}),
            (emr.set_keep_job_flow_alive_when_no_steps, {"KeepJobFlowAliveWhenNoSteps": False}),
        ):
            with pytest.raises(ClientError, match=f"AccessDeniedException.*:cluster/{other}"):
                operation(JobFlowIds=[mine, other], **members)
        with pytest.raises(ClientError, match="AccessDenied"):
            emr.describe_cluster(ClusterId=other)
        told = emr.describe_cluster(ClusterId=mine)["Cluster"]
        assert told["Status"]["State"] == "WAITING" and told["VisibleToAllUsers"] and not told["TerminationProtected"]
    emr.terminate_job_flows(JobFlowIds=[mine])
    ends.wait(mine, "TERMINATED")
    person.terminate_job_flows(JobFlowIds=[other])
    ends.wait(other, "TERMINATED")


def test_a_step_needs_spark_on_its_cluster(aws: Aws, ends: Ends, cluster: dict[str, Any]) -> None:
    emr = aws("emr")
    id = emr.run_job_flow(**{**cluster, "Applications": [{"Name": "Hadoop"}]}, Steps=[step("job.py")])["JobFlowId"]
    ends.wait(id, "WAITING")
    [failed] = emr.list_steps(ClusterId=id)["Steps"]
    assert failed["Status"]["State"] == "FAILED"
    assert "Spark is not among the Applications" in failed["Status"]["FailureDetails"]["Message"]
    emr.terminate_job_flows(JobFlowIds=[id])
    ends.wait(id, "TERMINATED")


def test_an_idle_cluster_outlives_the_endpoint_and_ends_by_its_policy(
    endpoint: LocalEndpoint, aws: Aws, ends: Ends, cluster: dict[str, Any]
) -> None:
    emr = aws("emr")
    id = emr.run_job_flow(**cluster, AutoTerminationPolicy={"IdleTimeout": 60})["JobFlowId"]
    ends.wait(id, "WAITING")
    [fleet] = emr.list_instance_fleets(ClusterId=id)["InstanceFleets"]
    assert fleet["TargetSpotCapacity"] == 1 and fleet["Status"]["State"] == "RUNNING"
    with pytest.raises(ClientError, match="mutually exclusive"):
        emr.list_instance_groups(ClusterId=id)
    emr.set_termination_protection(JobFlowIds=[id], TerminationProtected=True)
    with pytest.raises(ClientError, match="since they are termination protected"):
        emr.terminate_job_flows(JobFlowIds=[id])
    endpoint.stop()
    again = LocalEndpoint(EndpointSettings(home=endpoint.home))
    again.start()
    try:
        emr, later = client_factory(again.url)("emr"), time.time() + 70
        assert emr.get_auto_termination_policy(ClusterId=id)["AutoTerminationPolicy"] == {"IdleTimeout": 60}
        idle: Any = again._services["emr"]
        assert idle.end_idle(later) is None  # protected
        emr.set_termination_protection(JobFlowIds=[id], TerminationProtected=False)
        assert time.time() < idle.end_idle(later - 60) < later
        assert emr.describe_cluster(ClusterId=id)["Cluster"]["Status"]["State"] == "WAITING"
        idle.end_idle(later)
        status = emr.describe_cluster(ClusterId=id)["Cluster"]["Status"]
        assert status["State"] == "TERMINATED" and "after 60 s idle" in status["StateChangeReason"]["Message"]
    finally:
        again.stop()


def test_a_step_may_do_what_the_profile_role_may_and_can_be_cancelled(
    endpoint: LocalEndpoint, aws: Aws, ends: Ends, cluster: dict[str, Any]
) -> None:
    deny = {"Effect": "Deny", "Action": "s3:*", "Resource": "arn:aws:s3:::lake/out/*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [deny]})
    aws("iam").put_role_policy(RoleName="emr", PolicyName="not-out", PolicyDocument=document)
    aws("s3").put_object(Bucket="lake", Key="code/sleep.py", Body=b"import time\ntime.sleep(600)\n")
    emr = aws("emr")
    steps = [step("job.py"), step("sleep.py"), step("sleep.py"), step("sleep.py")]
    id = emr.run_job_flow(**cluster, Steps=steps)["JobFlowId"]
    listed = emr.list_steps(ClusterId=id)["Steps"]
    denied, running, pending, last = [each["Id"] for each in reversed(listed)]
    ends.wait(denied, "FAILED", "COMPLETED")
    failed = emr.describe_step(ClusterId=id, StepId=denied)["Step"]["Status"]
    assert failed["State"] == "FAILED" and "AccessDenied" in failed["FailureDetails"]["Message"]
    ends.wait(running, "RUNNING")
    emr.cancel_steps(ClusterId=id, StepIds=[pending, running], StepCancellationOption="TERMINATE_PROCESS")
    assert ends.wait(pending, "CANCELLED") == ["PENDING", "CANCELLED"]
    assert ends.wait(running, "CANCELLED") == ["PENDING", "RUNNING", "CANCEL_PENDING", "CANCELLED"]
    ends.wait(last, "RUNNING")
    endpoint.stop()
    again = LocalEndpoint(EndpointSettings(home=endpoint.home))
    again.start()
    try:
        emr = client_factory(again.url)("emr")
        status = emr.describe_step(ClusterId=id, StepId=last)["Step"]["Status"]
        assert status["State"] == "INTERRUPTED"
        assert status["FailureDetails"]["Message"].startswith("Headwater.Interrupted")
        assert emr.describe_cluster(ClusterId=id)["Cluster"]["Status"]["State"] == "WAITING", "for the step again"
    finally:
        again.stop()


def test_an_interrupted_step_tidies_up_before_it_is_cancelled(
    aws: Aws, ends: Ends, cluster: dict[str, Any], tmp_path: Path
) -> None:
    fifo, emr = tmp_path / "ready", aws("emr")
    os.mkfifo(fifo)
    aws("s3").put_object(Bucket="lake", Key="code/tidy.py", Body=TIDY.encode())
    failing = step("absent.py", "TERMINATE_CLUSTER")
    id = emr.run_job_flow(**cluster, Steps=[step("tidy.py", "TERMINATE_CLUSTER", str(fifo)), failing])["JobFlowId"]
    pending, running = [each["Id"] for each in emr.list_steps(ClusterId=id)["Steps"]]
    fifo.read_text()  # the script has its handler
    answer = emr.cancel_steps(ClusterId=id, StepIds=[running])["CancelStepsInfoList"]
    assert answer == [{"StepId": running, "Status": "SUBMITTED"}]
    assert ends.wait(running, "CANCELLED") == ["PENDING", "RUNNING", "CANCEL_PENDING", "CANCELLED"]
    ends.wait(id, "TERMINATED_WITH_ERRORS")  # by the step that failed next, not by the one that was cancelled
    assert ends.wait(pending, "FAILED") == ["PENDING", "RUNNING", "FAILED"]
    times = emr.describe_step(ClusterId=id, StepId=running)["Step"]["Status"]["Timeline"]
    assert times["StartDateTime"] <= times["EndDateTime"]
    log = aws("s3").get_object(Bucket="lake", Key=f"logs/{id}/steps/{running}/stdout.gz")["Body"].read()
    assert "tidied" in gzip.decompress(log).decode()


def test_steps_of_one_cluster_run_at_the_same_time(
    aws: Aws, ends: Ends, cluster: dict[str, Any], tmp_path: Path
) -> None:
    fifos, emr = [tmp_path / "one", tmp_path / "two"], aws("emr")
    aws("s3").put_object(Bucket="lake", Key="code/meet.py", Body=MEET.encode())
    for fifo in fifos:
        os.mkfifo(fifo)  # a step that opens it waits until it is read
    steps = [step("meet.py", "CONTINUE", str(fifo)) for fifo in fifos]
    failing = step("absent.py", "TERMINATE_CLUSTER")  # which is not done to a cluster that others use
    with pytest.raises(ClientError, match="between 1 and 256, got 257"):
        emr.run_job_flow(**cluster, StepConcurrencyLevel=257)
    id = emr.run_job_flow(**cluster, Steps=[*steps, failing])["JobFlowId"]
    last, second, first = [each["Id"] for each in emr.list_steps(ClusterId=id)["Steps"]]
    ends.wait(first, "RUNNING")
    emr.modify_cluster(ClusterId=id, StepConcurrencyLevel=2)
    with pytest.raises(ClientError, match="ActionOnFailure TERMINATE_CLUSTER of the step job.py is not valid"):
        emr.add_job_flow_steps(JobFlowId=id, Steps=[step("job.py", "TERMINATE_CLUSTER")])
    fifos[1].read_text()  # the second runs, and the first does too
    assert ends.wait(second, "COMPLETED", "FAILED")[-1] == "COMPLETED"
    ends.wait(last, "FAILED")
    assert emr.describe_step(ClusterId=id, StepId=first)["Step"]["Status"]["State"] == "RUNNING"
    emr.modify_cluster(ClusterId=id, StepConcurrencyLevel=1)
    fifos[0].read_text()
    assert ends.wait(first, "COMPLETED", "FAILED")[-1] == "COMPLETED"
    ends.wait(id, "WAITING")
    assert emr.list_bootstrap_actions(ClusterId=id)["BootstrapActions"] == []
    with pytest.raises(ClientError, match="ListInstances"):
        emr.list_instances(ClusterId=id)
    emr.terminate_job_flows(JobFlowIds=[id])
    ends.wait(id, "TERMINATED")


def test_fewer_steps_at_a_time_than_run_start_none(
    aws: Aws, ends: Ends, cluster: dict[str, Any], tmp_path: Path
) -> None:
    fifos, emr = [tmp_path / "one", tmp_path / "two"], aws("emr")
    aws("s3").put_object(Bucket="lake", Key="code/open.py", Body=b"import sys; open(sys.argv[1], 'w').close()")
    for fifo in fifos:
        os.mkfifo(fifo)
    steps = [*(step("open.py", "CONTINUE", str(fifo)) for fifo in fifos), step("absent.py"), step("absent.py")]
    id = emr.run_job_flow(**cluster, Steps=steps, StepConcurrencyLevel=2)["JobFlowId"]
    *pending, second, first = [each["Id"] for each in emr.list_steps(ClusterId=id)["Steps"]]
    ends.wait(second, "RUNNING")
    emr.modify_cluster(ClusterId=id, StepConcurrencyLevel=1)
    found = emr.list_steps(ClusterId=id, StepStates=["PENDING"])["Steps"]
    assert [each["Id"] for each in found] == pending
    for fifo in fifos:
        fifo.read_text()
    ends.wait(id, "WAITING")
    times = [each["Status"]["Timeline"] for each in emr.list_steps(ClusterId=id)["Steps"]]
    assert max(each["EndDateTime"] for each in times[2:]) <= min(each["StartDateTime"] for each in times[:2])
    emr.terminate_job_flows(JobFlowIds=[id])
    ends.wait(id, "TERMINATED")


@pytest.mark.parametrize(("keep", "end", "code"), [(True, "WAITING", None), (False, "TERMINATED_WITH_ERRORS", "STEP")])
def test_a_protected_cluster_outlives_a_failing_step_if_it_would_wait(
    aws: Aws, ends: Ends, cluster: dict[str, Any], keep: bool, end: str, code: str | None
) -> None:
    emr = aws("emr")
    instances = {**cluster["Instances"], "TerminationProtected": True, "KeepJobFlowAliveWhenNoSteps": keep}
    steps = [step("absent.py", "TERMINATE_CLUSTER"), step("absent-too.py")]
    id = emr.run_job_flow(**{**cluster, "Instances": instances}, Steps=steps)["JobFlowId"]
    ends.wait(id, end)
    reason = emr.describe_cluster(ClusterId=id)["Cluster"]["Status"]["StateChangeReason"].get("Code")
    assert reason == (f"{code}_FAILURE" if code else None)
    states = [each["Status"]["State"] for each in emr.list_steps(ClusterId=id)["Steps"]]
    assert states == ["CANCELLED", "FAILED"]
    emr.set_termination_protection(JobFlowIds=[id], TerminationProtected=False)
    emr.terminate_job_flows(JobFlowIds=[id])
    ends.wait(id, "TERMINATED", end)


def test_steps_and_clusters_are_listed_in_pages(aws: Aws, ends: Ends, cluster: dict[str, Any]) -> None:
    emr = aws("emr")
    with pytest.raises(ClientError, match=r"Maximum number of active steps\(State = 'Running', 'Pending' or"):
        emr.run_job_flow(**cluster, Steps=[step("job.py")] * 257)
    without_spark = {**cluster, "Applications": [{"Name": "Hadoop"}]}
    id = emr.run_job_flow(**without_spark, Steps=[step(f"{number}.py") for number in range(51)])["JobFlowId"]
    ends.wait(id, "WAITING")
    first = emr.list_steps(ClusterId=id)
    rest = emr.list_steps(ClusterId=id, Marker=first["Marker"])
    assert [each["Name"] for each in first["Steps"]] == [f"{number}.py" for number in range(50, 0, -1)]
    assert [each["Name"] for each in rest["Steps"]] == ["0.py"] and "Marker" not in rest
    with pytest.raises(ClientError, match="up to 10 StepIds, got 11"):
        emr.list_steps(ClusterId=id, StepIds=[each["Id"] for each in first["Steps"][:11]])
    emr.terminate_job_flows(JobFlowIds=[id])
    nobody = {**cluster, "JobFlowRole": "nobody"}
    made = {id, *(emr.run_job_flow(**nobody)["JobFlowId"] for _ in range(50))}
    pages = list(emr.get_paginator("list_clusters").paginate())
    assert [len(each["Clusters"]) for each in pages] == [50, 1]
    assert {each["Id"] for page in pages for each in page["Clusters"]} == made
    for each in made:
        ends.wait(each, "TERMINATED", "TERMINATED_WITH_ERRORS")


def test_clusters_and_steps_tell_event_bridge(
    endpoint: LocalEndpoint, aws: Aws, ends: Ends, cluster: dict[str, Any]
) -> None:
    aws("logs").create_log_group(logGroupName="told")
    group = f"arn:aws:logs:us-east-1:{endpoint.account}:log-group:told"
    aws("events").put_rule(Name="emr", EventPattern=json.dumps({"source": ["aws.emr"]}))
    aws("events").put_targets(Rule="emr", Targets=[{"Id": "1", "Arn": group}])
    wanted = [step("absent.py", "TERMINATE_CLUSTER"), step("absent-too.py")]
    id = aws("emr").run_job_flow(**cluster, Steps=wanted)["JobFlowId"]
    ends.wait(id, "TERMINATED_WITH_ERRORS")
    events: Any = endpoint._services["events"]
    assert events.deliveries.drain(30)
    lines = aws("logs").filter_log_events(logGroupName="told")["events"]
    found = [json.loads(line["message"]) for line in lines]
    assert {event["detail"]["clusterId"] for event in found} == {id}
    told = sorted((e["detail-type"], e["detail"]["state"], e["detail"]["severity"]) for e in found)
    assert told == [
        ("EMR Cluster State Change", "RUNNING", "INFO"),
        ("EMR Cluster State Change", "STARTING", "INFO"),
        ("EMR Cluster State Change", "TERMINATED_WITH_ERRORS", "CRITICAL"),
        ("EMR Step Status Change", "CANCELLED", "WARN"),
        ("EMR Step Status Change", "FAILED", "ERROR"),
        ("EMR Step Status Change", "PENDING", "INFO"),
        ("EMR Step Status Change", "PENDING", "INFO"),
        ("EMR Step Status Change", "RUNNING", "INFO"),
    ]
    [end] = [event["detail"] for event in found if event["detail"]["severity"] == "CRITICAL"]
    assert json.loads(end["stateChangeReason"]) == {"code": "STEP_FAILURE", "message": "Shut down as step failed"}
    [failed] = [event["detail"] for event in found if event["detail"]["severity"] == "ERROR"]
    assert failed["name"] == "absent.py" and failed["actionOnFailure"] == "TERMINATE_CLUSTER"


def test_a_stack_makes_changes_and_terminates_a_cluster(aws: Aws, cluster: dict[str, Any]) -> None:
    cfn, emr = aws("cloudformation"), aws("emr")
    types = [{"InstanceType": "m5.xlarge"}]
    instances = {
        "KeepJobFlowAliveWhenNoSteps": "true",
        "MasterInstanceFleet": {"TargetOnDemandCapacity": 1, "InstanceTypeConfigs": types},
        "TaskInstanceFleets": [{"TargetSpotCapacity": "4", "InstanceTypeConfigs": types}],
    }
    settings = [{"Classification": "spark-defaults", "ConfigurationProperties": {"spark.sql.shuffle.partitions": "2"}}]
    properties = {**cluster, "Instances": instances, "Configurations": settings}

    def template(**more: Any) -> str:
        resource = {"Type": "AWS::EMR::Cluster", "Properties": {**properties, **more}}
        return json.dumps({"Resources": {"Big": resource}, "Outputs": {"Id": {"Value": {"Ref": "Big"}}}})

    cfn.create_stack(StackName="s", TemplateBody=template())
    cfn.get_waiter("stack_create_complete").wait(StackName="s", WaiterConfig=OFTEN)
    id = cfn.describe_stacks(StackName="s")["Stacks"][0]["Outputs"][0]["OutputValue"]
    fleets = emr.list_instance_fleets(ClusterId=id)["InstanceFleets"]
    assert [(f["InstanceFleetType"], f["TargetSpotCapacity"]) for f in fleets] == [("MASTER", 0), ("TASK", 4)]
    assert emr.describe_cluster(ClusterId=id)["Cluster"]["Configurations"] == [
        {"Classification": "spark-defaults", "Properties": {"spark.sql.shuffle.partitions": "2"}}
    ]
    held = {**instances, "TerminationProtected": True}
    changed = template(Instances=held, AutoTerminationPolicy={"IdleTimeout": 600})
    cfn.update_stack(StackName="s", TemplateBody=changed)
    cfn.get_waiter("stack_update_complete").wait(StackName="s", WaiterConfig=OFTEN)
    assert emr.describe_cluster(ClusterId=id)["Cluster"]["TerminationProtected"]
    assert emr.get_auto_termination_policy(ClusterId=id)["AutoTerminationPolicy"] == {"IdleTimeout": 600}
    emr.set_termination_protection(JobFlowIds=[id], TerminationProtected=False)
    cfn.delete_stack(StackName="s")
    cfn.get_waiter("stack_delete_complete").wait(StackName="s", WaiterConfig=OFTEN)
    assert emr.describe_cluster(ClusterId=id)["Cluster"]["Status"]["State"] == "TERMINATED"
    refused = cfn.create_stack(StackName="t", TemplateBody=template(JobFlowRole="nobody"), OnFailure="DELETE")[
        "StackId"
    ]
    cfn.get_waiter("stack_delete_complete").wait(StackName=refused, WaiterConfig=OFTEN)
    events = cfn.describe_stack_events(StackName=refused)["StackEvents"]
    [failed] = [event for event in events if event["ResourceStatus"] == "CREATE_FAILED"]
    assert "instance profile nobody" in failed["ResourceStatusReason"]


def test_what_a_state_machine_is_told_of_failures(aws: Aws, ends: Ends, cluster: dict[str, Any]) -> None:
    emr, machines = aws("emr"), aws("stepfunctions")
    role = aws("iam").get_role(RoleName="emr")["Role"]["Arn"]
    id = emr.run_job_flow(**cluster)["JobFlowId"]
    ends.wait(id, "WAITING")

    def failure(number: int, name: str, **arguments: Any) -> tuple[str, str]:
        resource = f"arn:aws:states:::elasticmapreduce:{name}"
        state = {"Type": "Task", "Resource": resource, "Parameters": {"ClusterId": id, **arguments}, "End": True}
        definition = json.dumps({"StartAt": "S", "States": {"S": state}})
        made = machines.create_state_machine(name=f"m{number}", roleArn=role, definition=definition)
        execution = machines.start_execution(stateMachineArn=made["stateMachineArn"])["executionArn"]
        assert ends.wait(execution, "SUCCEEDED", "FAILED")[-1] == "FAILED"
        told = machines.describe_execution(executionArn=execution)
        return told["error"], told["cause"]

    error, cause = failure(1, "addStep.sync", Step=step("absent.py"))
    assert error == "States.TaskFailed" and "NoSuchKey: s3://lake/code/absent.py" in cause
    fleet = {"TargetOnDemandCapacity": 1, "TargetSpotCapacity": 0}
    error, cause = failure(2, "modifyInstanceFleetByName", InstanceFleetName="core", InstanceFleet=fleet)
    assert error == REFUSED and "modifyInstanceFleetByName" in cause
    emr.set_termination_protection(JobFlowIds=[id], TerminationProtected=True)
    error, cause = failure(3, "terminateCluster.sync")
    assert error == REFUSED and "termination protected" in cause and "Error Code: ValidationException" in cause
