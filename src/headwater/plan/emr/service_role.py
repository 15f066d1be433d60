"""The role with which EMR itself makes a cluster's instances: AWS's managed policy, held to this region and workflow.

AmazonEMRServicePolicy_v2 lets EMR touch what bears the tag ``for-use-with-amazon-emr-managed-policies``, which EMR
hands on from a cluster to all that it makes for it, and wants subnets and VPC tagged by hand. Here the subnets are
named, or any of the account's where none is; placement groups, scaling and Capacity Reservations are left out, for no
cluster of a plan has them. As with that policy, security groups that EMR made without the tag need it.

Source: EMR Management Guide, "Service role for Amazon EMR (EMR role)" with the policy's text, read 2026-11.
"""

from __future__ import annotations

from headwater.plan.emr.cluster import MANAGED
from headwater.plan.emr.permissions import NODES
from headwater.plan.permissions import Permission, arn
from headwater.workflow.workflow import Workflow

_ALONE = "no instance is made here: a cluster's steps have this machine's processors"
_MADE = ("RunInstances", "CreateFleet", "CreateLaunchTemplate", "CreateNetworkInterface")


def service_permissions(workflow: Workflow, node_roles: tuple[str, ...]) -> list[Permission]:
    """Return what EMR needs to make and remove the instances of the workflow's clusters.

    Parameters
    ----------
    node_roles:
        The ARNs of the roles that it gives to instances.
    """
    asked = {"StringEquals": {f"aws:RequestTag/{MANAGED}": "true"}}
    tagged = {"StringEquals": {f"aws:ResourceTag/{MANAGED}": "true"}}
    subnets = tuple(_ec2("subnet", each) for each in workflow.subnet_ids or ("*",))
    groups, templates, interfaces = _ec2("security-group"), _ec2("launch-template"), _ec2("network-interface")
    made = (_ec2("instance"), _ec2("volume"))
    image = "arn:${AWS::Partition}:ec2:${AWS::Region}::image/ami-*"
    launch = ("ec2:CreateFleet", "ec2:CreateLaunchTemplate", "ec2:CreateLaunchTemplateVersion", "ec2:RunInstances")
    rules = tuple(f"ec2:{verb}SecurityGroup{way}" for verb in ("Authorize", "Revoke") for way in ("Egress", "Ingress"))
    inside = ("ec2:CreateSecurityGroup", "ec2:DescribeVpcAttribute")
    found = [
        Permission("UseNetwork", (*launch, "ec2:CreateNetworkInterface"), (*subnets, groups), "put nodes in a subnet"),
        Permission("UseImages", launch, (interfaces, image, _ec2("fleet")), "start nodes from EMR's images"),
        Permission("MakeTemplates", ("ec2:CreateLaunchTemplate",), (templates,), "describe nodes, tagged", asked),
        Permission(
            "UseTemplates",
            ("ec2:CreateFleet", "ec2:CreateLaunchTemplateVersion", "ec2:DeleteLaunchTemplate", "ec2:RunInstances"),
            (templates,),
            "start nodes as described, and remove the description",
            tagged,
        ),
        Permission("MakeNodes", ("ec2:CreateFleet", "ec2:RunInstances"), made, "make nodes and disks, tagged", asked),
        Permission("MakeInterfaces", ("ec2:CreateNetworkInterface",), (interfaces,), "in a private subnet", asked),
        Permission(
            "TagWhatItMakes",
            ("ec2:CreateTags",),
            (*made, interfaces, templates),
            "tag what it makes for a cluster, as it makes it",
            {"StringEquals": {"ec2:CreateAction": list(_MADE)}},
        ),
        Permission(
            "ManageNodes",
            ("ec2:CreateTags", "ec2:DeleteNetworkInterface", "ec2:DeleteTags", "ec2:ModifyInstanceAttribute")
            + ("ec2:TerminateInstances",),
            (*made, interfaces, templates),
            "change, tag and remove what it made",
            tagged,
        ),
        Permission("MakeSecurityGroups", ("ec2:CreateSecurityGroup",), (groups,), "for its nodes, tagged", asked),
        Permission("InVpc", inside, (_ec2("vpc"),), "look at the subnets' VPC, and make security groups in it"),
        Permission(
            "TagSecurityGroups",
            ("ec2:CreateTags",),
            (groups,),
            "tag the security groups that it makes",
            {"StringEquals": {"ec2:CreateAction": "CreateSecurityGroup", **asked["StringEquals"]}},
        ),
        Permission("SetRules", rules, (groups,), "let the nodes of a cluster reach each other", tagged),
        Permission(
            "LookAround", _DESCRIBE, ("*",), "look at the network; EC2's Describe actions have no resource level"
        ),
        Permission(
            "PassRolesToNodes",
            ("iam:PassRole",),
            node_roles,
            "give nodes their stage's role",
            {"StringEquals": {"iam:PassedToService": NODES}},
        ),
        Permission(
            "LinkSpot",
            ("iam:CreateServiceLinkedRole",),
            (_linked("spot.amazonaws.com", "AWSServiceRoleForEC2Spot"),),
            "the role of EC2 for spot instances, made with an account's first one",
            {"StringEquals": {"iam:AWSServiceName": "spot.amazonaws.com"}},
        ),
    ]
    return [each.on_aws_alone(_ALONE) for each in found]


_DESCRIBE = tuple(
    f"ec2:Describe{each}"
    for each in (
        *("AccountAttributes", "DhcpOptions", "Images", "InstanceTypeOfferings", "Instances", "LaunchTemplates"),
        *("NetworkAcls", "NetworkInterfaces", "RouteTables", "SecurityGroups", "Subnets", "VolumeStatus", "Volumes"),
        *("VpcEndpoints", "Vpcs"),
    )
)


def _ec2(kind: str, id: str = "*") -> str:
    return arn("ec2", f"{kind}/{id}")


def _linked(service: str, name: str) -> str:
    return f"arn:${{AWS::Partition}}:iam::${{AWS::AccountId}}:role/aws-service-role/{service}/{name}"
