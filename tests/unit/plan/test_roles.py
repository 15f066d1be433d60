"""What each role may do: enough, and no more."""

from __future__ import annotations

import json
from typing import Any

from headwater.plan.plan import Plan
from headwater.plan.render import to_json

# Actions for which the Service Authorization Reference lists no resource type.
NO_RESOURCE_LEVEL = {
    "cloudwatch:PutMetricData",
    "ecr:GetAuthorizationToken",
    "glue:GetJobBookmark",
    *(f"logs:{verb}LogDelivery" for verb in ("Create", "Delete", "Get", "Update")),
    *("logs:ListLogDeliveries", "logs:DescribeLogGroups", "logs:DescribeResourcePolicies", "logs:PutResourcePolicy"),
}


def statements(plan: Plan, role: str) -> list[dict[str, Any]]:
    return list(plan.template["Resources"][role]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"])


def allowed(plan: Plan, role: str, action: str) -> set[str]:
    found: set[str] = set()
    for statement in statements(plan, role):
        if action in statement["Action"]:
            found |= {r if isinstance(r, str) else json.dumps(r["Fn::Sub"]).strip('"') for r in statement["Resource"]}
    return found


def roles(plan: Plan) -> list[str]:
    return [name for name, resource in plan.template["Resources"].items() if resource["Type"] == "AWS::IAM::Role"]


def test_a_star_stands_only_where_aws_offers_no_resource_level(sample: Plan) -> None:
    for role in roles(sample):
        for statement in statements(sample, role):
            assert all("*" not in action for action in statement["Action"])
            if "*" in statement["Resource"]:
                assert set(statement["Action"]) <= NO_RESOURCE_LEVEL


def test_every_permission_has_a_reason(sample: Plan) -> None:
    shape = to_json(sample)
    every = [p for stage in shape["stages"] for p in stage["permissions"]] + shape["state_machine"]["permissions"]
    assert every and all(len(permission["reason"]) > 5 for permission in every)
    for permission in every:
        if permission["resources"] == ["*"]:
            assert "no resource level" in permission["reason"]


def test_a_spark_role_reads_and_writes_its_datasets_only(sample: Plan) -> None:
    lake = "arn:${AWS::Partition}:s3:::${LakeBucket}"
    assert allowed(sample, "CleanRole", "s3:PutObject") == {
        f"{lake}/processed/clean_orders/*",
        f"{lake}/_headwater/tmp/clean/*",
    }
    reads = allowed(sample, "CleanRole", "s3:GetObject")
    assert f"{lake}/raw/orders/*" in reads and f"{lake}/raw/rates/*" in reads
    assert not any("labels" in resource or "models" in resource for resource in reads)
    tables = {r for r in allowed(sample, "CleanRole", "glue:GetTable") if ":table/" in r}
    assert {r.rsplit("/", 1)[1] for r in tables} == {"orders", "rates", "clean_orders"}
    assert {r.rsplit("/", 1)[1] for r in allowed(sample, "CleanRole", "glue:UpdateTable") if ":table/" in r} == {
        "clean_orders"
    }


def test_a_script_that_names_no_catalog_and_no_temporary_folder_gets_neither(sample: Plan) -> None:
    assert not allowed(sample, "AggregateRole", "glue:GetTable")
    assert not allowed(sample, "AggregateRole", "glue:UpdateTable")
    assert not any("tmp" in resource for resource in allowed(sample, "AggregateRole", "s3:PutObject"))
    assert "--TempDir" not in sample.template["Resources"]["AggregateJob"]["Properties"]["DefaultArguments"]
    assert "--TempDir" in sample.template["Resources"]["CleanJob"]["Properties"]["DefaultArguments"]


def test_listing_is_held_to_the_datasets_prefixes(sample: Plan) -> None:
    for role in roles(sample):
        for statement in statements(sample, role):
            if "s3:ListBucket" in statement["Action"]:
                (condition,) = statement["Condition"].values()
                assert condition["s3:prefix"]


def test_code_is_read_by_exact_keys(sample: Plan) -> None:
    keys = {asset.key for asset in sample.assets}
    for role in ("CleanRole", "AggregateRole", "FitRole"):
        read = {r.split("}/", 1)[1] for r in allowed(sample, role, "s3:GetObject") if "AssetsBucket" in r}
        assert read and read <= keys


def test_the_state_machine_starts_the_planned_jobs_and_passes_the_planned_roles(sample: Plan) -> None:
    machine = "RoleOfStateMachine"
    passed = {
        s["Condition"]["StringEquals"]["iam:PassedToService"]: {each["Fn::Sub"] for each in s["Resource"]}
        for s in statements(sample, machine)
        if "iam:PassRole" in s["Action"]
    }
    assert passed == {
        "emr-serverless.amazonaws.com": {"${AggregateRoleOnEmr.Arn}"},
        "sagemaker.amazonaws.com": {"${LabelRole.Arn}", "${FitRole.Arn}", "${JudgeRole.Arn}"},
    }
    assert allowed(sample, machine, "lambda:InvokeFunction") == {
        "${SummariseFunction.Arn}",
        "${NotifyFunction.Arn}",
    }
    assert {r.rsplit(":", 1)[1] for r in allowed(sample, machine, "glue:StartJobRun")} == {
        "job/${CleanJob}",
        "job/${AggregateJob}",
    }
    assert {r.rsplit(":", 1)[1] for r in allowed(sample, machine, "emr-serverless:StartJobRun")} == {
        "/applications/${SparkApplication}"
    }
    assert {r.rsplit(":", 1)[1] for r in allowed(sample, machine, "sagemaker:CreateTrainingJob")} == {
        "training-job/demand-fit-*"
    }
    assert {r.rsplit("}", 1)[1] for r in allowed(sample, machine, "s3:GetObject")} == {
        "/_headwater/metrics/judge/*",
        "/models/demand/*",
    }


def test_each_role_is_assumed_by_its_service(sample: Plan) -> None:
    found = {}
    for role in roles(sample):
        (statement,) = sample.template["Resources"][role]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
        found[role] = statement["Principal"]["Service"]
    assert found["CatalogRole"] == found["CleanRole"] == "glue.amazonaws.com"
    assert found["AggregateRole"] == "glue.amazonaws.com"
    assert found["AggregateRoleOnEmr"] == "emr-serverless.amazonaws.com"
    assert found["FitRole"] == found["JudgeRole"] == "sagemaker.amazonaws.com"
    assert found["NotifyRole"] == "lambda.amazonaws.com"
    assert found["RoleOfStateMachine"] == "states.amazonaws.com"
    assert found["RoleOfSchedule"] == "scheduler.amazonaws.com"


def test_a_function_writes_only_its_own_log(sample: Plan) -> None:
    assert allowed(sample, "NotifyRole", "logs:PutLogEvents") == {"${NotifyLogs.Arn}"}
