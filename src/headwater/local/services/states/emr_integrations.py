"""EMR and EMR Serverless as Task resources.

The integration of EMR wraps the service's operations under names and members of its own: ``createCluster`` is
``RunJobFlow``, ``addStep`` is ``AddJobFlowSteps`` of one step, ``terminateCluster`` is ``TerminateJobFlows`` of one
cluster. Nothing here says whether the service exists: its calls fail by name until it does.

Not faithful: ``modifyInstanceFleetByName`` and ``modifyInstanceGroupByName``, whose names AWS looks up, are refused.

Source: Step Functions Developer Guide, "Create and manage Amazon EMR clusters" and "Create and manage Amazon EMR
Serverless applications with Step Functions", 2025.
"""

from __future__ import annotations

from headwater.local.services.states.integration_api import REQUEST_RESPONSE, SYNC, Api, Job, Members

_ONLY = frozenset({REQUEST_RESPONSE})
_WITH_SYNC = frozenset({REQUEST_RESPONSE, SYNC})


def _cluster_id(arguments: Members, response: Members) -> str:
    return str(response.get("ClusterId") or arguments["ClusterId"])


def _cluster(arguments: Members, response: Members) -> Members:
    return {"ClusterId": _cluster_id(arguments, response)}


def _cluster_job(good: str, *bad: str) -> Job:
    """Waits for a state of a cluster. Step Functions stops no cluster when the execution stops (same guide)."""
    return Job(
        topic="emr.cluster",
        id=_cluster_id,
        describe="describe_cluster",
        describe_with=_cluster,
        status=("Cluster", "Status", "State"),
        good=frozenset({good}),
        bad=frozenset(bad),
        merged=True,
    )


def _step(arguments: Members, response: Members) -> Members:
    return {"ClusterId": arguments["ClusterId"], "StepId": response["StepId"]}


def _steps(arguments: Members, response: Members) -> Members:
    return {"ClusterId": arguments["ClusterId"], "StepIds": [response["StepId"]]}


EMR_STEP = Job(
    topic="emr.step",
    id=lambda arguments, response: str(response["StepId"]),
    describe="describe_step",
    describe_with=_step,
    status=("Step", "Status", "State"),
    good=frozenset({"COMPLETED"}),
    bad=frozenset({"CANCELLED", "FAILED", "INTERRUPTED"}),
    stop=("cancel_steps", _steps),
    merged=True,
)


def _add_step(arguments: Members) -> Members:
    rest = {key: value for key, value in arguments.items() if key not in ("ClusterId", "Step")}
    return {**rest, "JobFlowId": arguments.get("ClusterId"), "Steps": [arguments.get("Step")]}


def _flows(arguments: Members) -> Members:
    rest = {key: value for key, value in arguments.items() if key != "ClusterId"}
    return {**rest, "JobFlowIds": [arguments.get("ClusterId")]}


def _cancelled(arguments: Members, response: Members) -> Members:
    return {"CancelStepsInfo": next(iter(response["CancelStepsInfoList"]), {})}


def _empty(arguments: Members, response: Members) -> Members:
    return {}


EMR = (
    Api(
        "emr",
        "addStep",
        _WITH_SYNC,
        "ElasticMapReduce",
        EMR_STEP,
        calls="addJobFlowSteps",
        request=_add_step,
        answer=lambda arguments, response: {"StepId": response["StepIds"][0]},
    ),
    Api(
        "emr",
        "cancelStep",
        _ONLY,
        "ElasticMapReduce",
        calls="cancelSteps",
        request=lambda arguments: {"ClusterId": arguments.get("ClusterId"), "StepIds": [arguments.get("StepId")]},
        answer=_cancelled,
    ),
    Api(
        "emr",
        "createCluster",
        _WITH_SYNC,
        "ElasticMapReduce",
        _cluster_job("WAITING", "TERMINATED", "TERMINATED_WITH_ERRORS"),
        calls="runJobFlow",
        answer=lambda arguments, response: {
            "ClusterId": response["JobFlowId"],
            **{key: response[key] for key in ("ClusterArn",) if key in response},
        },
    ),
    Api("emr", "modifyInstanceFleetByName", _ONLY, "ElasticMapReduce"),
    Api("emr", "modifyInstanceGroupByName", _ONLY, "ElasticMapReduce"),
    Api(
        "emr",
        "setClusterTerminationProtection",
        _ONLY,
        "ElasticMapReduce",
        calls="setTerminationProtection",
        request=_flows,
        answer=_empty,
    ),
    Api(
        "emr",
        "terminateCluster",
        _WITH_SYNC,
        "ElasticMapReduce",
        _cluster_job("TERMINATED", "TERMINATED_WITH_ERRORS"),
        calls="terminateJobFlows",
        request=_flows,
        answer=_empty,
    ),
)


def _application_id(arguments: Members, response: Members) -> str:
    return str(response.get("ApplicationId") or arguments["ApplicationId"])


def _application(operation: str, good: str, *bad: str) -> Api:
    """An operation on an application, and the state that ``.sync`` waits for."""
    job = Job(
        topic="emr-serverless.application",
        id=_application_id,
        describe="get_application",
        describe_with=lambda arguments, response: {"applicationId": _application_id(arguments, response)},
        status=("Application", "State"),
        good=frozenset({good}),
        bad=frozenset(bad),
        result=("Application",),
    )
    return Api("emr-serverless", operation, _WITH_SYNC, "EMRServerless", job)


def _run(arguments: Members, response: Members) -> Members:
    source = {**arguments, **response}
    return {"applicationId": source["ApplicationId"], "jobRunId": source["JobRunId"]}


def _run_id(arguments: Members, response: Members) -> str:
    return str(_run(arguments, response)["jobRunId"])


def _job_run(good: str, *bad: str, stops: bool) -> Job:
    return Job(
        topic="emr-serverless.job-run",
        id=_run_id,
        describe="get_job_run",
        describe_with=_run,
        status=("JobRun", "State"),
        good=frozenset({good}),
        bad=frozenset(bad),
        result=("JobRun",),
        stop=("cancel_job_run", _run) if stops else None,
    )


EMR_SERVERLESS = (
    Api(
        "emr-serverless",
        "cancelJobRun",
        _WITH_SYNC,
        "EMRServerless",
        _job_run("CANCELLED", "FAILED", "SUCCESS", stops=False),
    ),
    _application("createApplication", "CREATED", "TERMINATED"),
    _application("deleteApplication", "TERMINATED"),
    _application("startApplication", "STARTED", "STOPPED", "TERMINATED"),
    Api(
        "emr-serverless",
        "startJobRun",
        _WITH_SYNC,
        "EMRServerless",
        _job_run("SUCCESS", "CANCELLED", "FAILED", stops=True),
    ),
    _application("stopApplication", "STOPPED", "TERMINATED"),
)
