"""The CDK app, synthesized for real: the same template as the plan's, checked by cdk-nag and cfn-lint."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from headwater.plan.naming import ASSETS_BUCKET
from headwater.plan.plan import Plan, make_plan
from headwater.workflow.loader import load_workflow

ROOT = Path(__file__).resolve().parents[2]
FLIGHTS = ROOT / "examples" / "flights"
BOOTSTRAP_BUCKET = "cdk-hnb659fds-assets-${AWS::AccountId}-${AWS::Region}"
SYNTH_S = 200


ON_EMR = """
from headwater import Lake, Workflow

lake = Lake("lake")
orders = lake.raw("orders")
wf = Workflow("engines", lake, subnet_ids=["subnet-0a1b2c3d"])
for engine in ("auto", "emr", "emr-serverless"):
    wf.spark(engine, "big.py", reads=orders, writes=lake.processed(engine.replace("-", "_")), engine=engine)
"""


def synth(app: Path, outdir: Path, project: Path | None = FLIGHTS) -> subprocess.CompletedProcess[str]:
    """Run a CDK app as `make synth` does."""
    environment = {**os.environ, "CDK_OUTDIR": str(outdir)}
    environment.pop("JSII_NODE", None)
    environment.pop("HEADWATER_PROJECT", None)
    if project is not None:
        environment["HEADWATER_PROJECT"] = str(project)
    return subprocess.run(
        [sys.executable, "app.py"], cwd=app, env=environment, capture_output=True, text=True, timeout=SYNTH_S
    )


@pytest.fixture(scope="module")
def plan() -> Plan:
    """The plan of the flights workflow."""
    return make_plan(load_workflow(FLIGHTS))


@pytest.fixture(scope="module")
def assembly(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The cloud assembly of `infra/`."""
    outdir = tmp_path_factory.mktemp("cdk.out")
    done = synth(ROOT / "infra", outdir)
    assert done.returncode == 0, done.stderr
    return outdir


def bare(value: Any) -> Any:
    """A template without metadata, and with its assets where the plan's has them."""
    if isinstance(value, dict):
        if value == {"Fn::Sub": BOOTSTRAP_BUCKET}:
            return {"Ref": ASSETS_BUCKET}
        return {name: bare(each) for name, each in value.items() if name != "Metadata"}
    if isinstance(value, list):
        return [bare(each) for each in value]
    return value.replace(BOOTSTRAP_BUCKET, f"${{{ASSETS_BUCKET}}}") if isinstance(value, str) else value


def test_the_synthesized_template_is_the_plans(plan: Plan, assembly: Path) -> None:
    same_template(plan, assembly / "flight-delays.template.json")


def test_a_plan_with_every_engine_of_emr_passes_the_rules_and_is_the_same(tmp_path: Path) -> None:
    (tmp_path / "workflow.py").write_text(ON_EMR)
    (tmp_path / "big.py").write_text("import sys\n\nprint(sys.argv)\n")
    done = synth(ROOT / "infra", tmp_path / "out", tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    same_template(make_plan(load_workflow(tmp_path)), tmp_path / "out" / "engines.template.json")


def same_template(plan: Plan, file: Path) -> None:
    """Compare a synthesized template with a plan's."""
    synthesized = json.loads(file.read_text())
    assert set(synthesized.pop("Parameters")) == {"BootstrapVersion"}
    assert set(synthesized.pop("Rules")) == {"CheckBootstrapVersion"}
    synthesized.pop("Description")
    planned = {**plan.template}
    planned.pop("Description")
    assert set(planned.pop("Parameters")) == {ASSETS_BUCKET}
    assert planned.pop("AWSTemplateFormatVersion") == synthesized.pop("AWSTemplateFormatVersion")
    assert bare(synthesized) == bare(planned)


def test_the_cdk_publishes_each_asset_at_the_key_that_the_roles_may_read(plan: Plan, assembly: Path) -> None:
    files = json.loads((assembly / "flight-delays.assets.json").read_text())["files"].values()
    published = {
        place["objectKey"]: (assembly / each["source"]["path"]).read_bytes()
        for each in files
        for place in each["destinations"].values()
        if place["objectKey"].startswith("assets/")
    }
    assert published == {asset.key: asset.read() for asset in plan.assets}


def test_each_acknowledged_finding_carries_its_reason(assembly: Path) -> None:
    resources = json.loads((assembly / "flight-delays.template.json").read_text())["Resources"]
    found = [
        rule
        for each in resources.values()
        for rule in each.get("Metadata", {}).get("cdk_nag", {}).get("rules_to_suppress", [])
    ]
    assert found
    assert all(re.search(r"\w{3,} \w+", rule["reason"]) for rule in found)


def test_cfn_lint_accepts_the_synthesized_template(assembly: Path) -> None:
    command = [str(Path(sys.executable).with_name("cfn-lint")), str(assembly / "flight-delays.template.json")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SYNTH_S)
    assert (done.returncode, done.stdout) == (0, "")


BUCKET_OF_THE_TEAM = """
        from aws_cdk import aws_s3
        aws_s3.CfnBucket(self, "Open")
"""
UNTAGGED = """
        from aws_cdk import Tags, aws_sns
        topic = aws_sns.CfnTopic(self, "Topic")
        Tags.of(topic).remove("Environment")
        Tags.of(topic).remove("headwater:workflow")
"""
WILDCARD = """
        from aws_cdk import aws_iam
        everything = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
        document = {"Version": "2012-10-17", "Statement": [everything]}
        role = workflow.resource("FeaturiseRole")
        role.policies = [aws_iam.CfnRole.PolicyProperty(policy_name="all", policy_document=document)]
"""


@pytest.mark.parametrize(
    ("addition", "complaint"),
    [
        (BUCKET_OF_THE_TEAM, "AwsSolutions-S1"),
        (UNTAGGED, "bears no tag"),
        (WILDCARD, "AwsSolutions-IAM5[Action::s3:*]"),
        ('        workflow.resource("NoSuch")\n', "no resource 'NoSuch' is planned"),
    ],
)
def test_what_a_team_adds_is_held_to_the_same_rules(tmp_path: Path, addition: str, complaint: str) -> None:
    app = tmp_path / "infra"
    shutil.copytree(ROOT / "infra", app, ignore=shutil.ignore_patterns("cdk.out", "__pycache__"))
    team = app / "stacks" / "team.py"
    team.write_text(team.read_text() + addition)
    done = synth(app, tmp_path / "out")
    assert done.returncode != 0
    assert complaint in done.stdout + done.stderr


EMR = """
from headwater import Lake, Workflow

lake = Lake("orders")
orders, returns = lake.raw("orders", format="csv"), lake.raw("returns", format="csv", partitions=("year", "month"))
wf = Workflow("orders", lake)
wf.spark("either", "job.py", reads=[orders, returns], writes=lake.processed("a"), engine="auto")
wf.spark("large", "job.py", reads=orders, writes=lake.processed("b"), engine="emr-serverless")
wf.spark("cluster", "job.py", reads=orders, writes=lake.processed("d"), engine="emr")
wf.spark("small", "job.py", reads=orders, writes=lake.processed("c"))
"""


def test_cdk_nag_accepts_stages_on_emr_each_wildcard_with_its_reason(tmp_path: Path) -> None:
    project = tmp_path / "orders"
    project.mkdir()
    (project / "workflow.py").write_text(EMR)
    (project / "job.py").write_text("import sys\n\nprint(sys.argv)\n")
    done = synth(ROOT / "infra", tmp_path / "out", project)
    assert done.returncode == 0, done.stdout + done.stderr
    resources = json.loads((tmp_path / "out" / "orders.template.json").read_text())["Resources"]
    assert "AWS::EMRServerless::Application" in {each["Type"] for each in resources.values()}
    for role in ("EitherRole", "EitherRoleOnEmr", "LargeRole", "ClusterRole", "RoleOfStateMachine"):
        rules = resources[role]["Metadata"]["cdk_nag"]["rules_to_suppress"]
        assert rules and all(re.search(r"\w{3,} \w+", rule["reason"]) for rule in rules), role


def test_an_app_of_a_new_project_finds_the_project_around_it(tmp_path: Path, plan: Plan) -> None:
    project = tmp_path / "mine"
    made = subprocess.run(
        [sys.executable, "-m", "headwater.cli.main", "init", str(project)], capture_output=True, text=True, timeout=60
    )
    assert made.returncode == 0, made.stderr
    done = synth(project / "infra", tmp_path / "out", project=None)
    assert done.returncode == 0, done.stderr
    synthesized = json.loads((tmp_path / "out" / "flight-delays.template.json").read_text())
    assert set(plan.template["Resources"]) == set(synthesized["Resources"])
