"""Resource policies, tags, and small settings of a function.

Resource policies are kept and answered as on AWS; whether they let another service in is the gateway's matter.
"""

from __future__ import annotations

import json
from typing import Any

from headwater.local.service import Call, Members, ServiceError, operation
from headwater.local.services.lambda_.base import EngineHolder
from headwater.local.services.lambda_.names import FunctionName, invalid
from headwater.local.services.lambda_.records import FUNCTION, check_revision, new_revision

ABSENT = "The resource you requested does not exist."
MOST_TAGS = 50


class PermissionOperations(EngineHolder):
    """Policies of functions, versions and aliases."""

    def _policy(self, text: str, qualifier: str | None) -> tuple[str, str, Members]:
        target = self.target(text, qualifier)
        where = target.qualifier or ""
        return target.name, where, self.function(target.name).get("policies", {}).get(where, {})

    @operation
    def add_permission(
        self,
        call: Call,
        FunctionName: str,
        StatementId: str,
        Action: str,
        Principal: str,
        SourceArn: str | None = None,
        SourceAccount: str | None = None,
        EventSourceToken: str | None = None,
        Qualifier: str | None = None,
        RevisionId: str | None = None,
        PrincipalOrgID: str | None = None,
    ) -> Members:
        """Add a statement to the resource policy."""
        name, where, policy = self._policy(FunctionName, Qualifier)
        check_revision(RevisionId, policy.get("RevisionId", RevisionId or ""))
        if any(statement["Sid"] == StatementId for statement in policy.get("Statement", ())):
            text = (
                f"The statement id ({StatementId}) provided already exists. Please provide a new statement id, "
                "or remove the existing statement."
            )
            raise ServiceError("ResourceConflictException", text, 409, Type="User")
        statement = {
            "Sid": StatementId,
            "Effect": "Allow",
            "Principal": _principal(Principal),
            "Action": Action,
            "Resource": self.arn(name, where or None),
        }
        condition = _condition(SourceArn, SourceAccount, EventSourceToken, PrincipalOrgID)
        if condition:
            statement["Condition"] = condition
        with self.changing(name) as record:
            policies = record.setdefault("policies", {})
            kept = policies.get(where, {}).get("Statement", [])
            policies[where] = {"Statement": [*kept, statement], "RevisionId": new_revision()}
        return {"Statement": json.dumps(statement, separators=(",", ":"))}

    @operation
    def remove_permission(
        self,
        call: Call,
        FunctionName: str,
        StatementId: str,
        Qualifier: str | None = None,
        RevisionId: str | None = None,
    ) -> Members:
        """Remove a statement of the resource policy."""
        name, where, policy = self._policy(FunctionName, Qualifier)
        kept = [statement for statement in policy.get("Statement", ()) if statement["Sid"] != StatementId]
        if len(kept) == len(policy.get("Statement", ())):
            text = f"Statement {StatementId} is not found in resource policy."
            raise ServiceError("ResourceNotFoundException", text, 404, Type="User")
        check_revision(RevisionId, policy["RevisionId"])
        with self.changing(name) as record:
            if kept:
                record["policies"][where] = {"Statement": kept, "RevisionId": new_revision()}
            else:
                del record["policies"][where]
        return {}

    @operation
    def get_policy(self, call: Call, FunctionName: str, Qualifier: str | None = None) -> Members:
        """The resource policy as JSON."""
        _, _, policy = self._policy(FunctionName, Qualifier)
        if not policy:
            raise ServiceError("ResourceNotFoundException", ABSENT, 404, Type="User")
        document = {"Version": "2012-10-17", "Id": "default", "Statement": policy["Statement"]}
        return {"Policy": json.dumps(document, separators=(",", ":")), "RevisionId": policy["RevisionId"]}


def _principal(text: str) -> Any:
    if text == "*":
        return "*"
    if text.endswith(".amazonaws.com"):
        return {"Service": text}
    return {"AWS": f"arn:aws:iam::{text}:root" if text.isdigit() else text}


def _condition(
    source_arn: str | None, source_account: str | None, token: str | None, organization: str | None
) -> dict[str, dict[str, str]]:
    equals = {
        key: value
        for key, value in (
            ("AWS:SourceAccount", source_account),
            ("lambda:EventSourceToken", token),
            ("aws:PrincipalOrgID", organization),
        )
        if value is not None
    }
    condition = {"StringEquals": equals} if equals else {}
    return condition | ({"ArnLike": {"AWS:SourceArn": source_arn}} if source_arn is not None else {})


class TagOperations(EngineHolder):
    """Tags of functions."""

    def _tagged(self, arn: str) -> str:
        parsed = FunctionName.parse(arn)
        if parsed.qualifier is not None:
            raise invalid("Tags on function aliases and versions are not supported. Please specify a function ARN.")
        self.function(parsed.name)
        return parsed.name

    @operation
    def list_tags(self, call: Call, Resource: str) -> Members:
        """A function's tags."""
        return {"Tags": self.function(self._tagged(Resource))["tags"]}

    @operation
    def tag_resource(self, call: Call, Resource: str, Tags: dict[str, str]) -> Members:
        """Add tags to a function."""
        with self.changing(self._tagged(Resource)) as record:
            tags = {**record["tags"], **Tags}
            if len(tags) > MOST_TAGS:
                raise invalid(f"The number of tags exceeds the resource tag limit of {MOST_TAGS}")
            record["tags"] = tags
        return {}

    @operation
    def untag_resource(self, call: Call, Resource: str, TagKeys: list[str]) -> Members:
        """Remove tags from a function."""
        with self.changing(self._tagged(Resource)) as record:
            record["tags"] = {key: value for key, value in record["tags"].items() if key not in TagKeys}
        return {}


class SettingOperations(EngineHolder):
    """Reserved concurrency, and what Terraform and the console ask about every function."""

    @operation
    def put_function_concurrency(self, call: Call, FunctionName: str, ReservedConcurrentExecutions: int) -> Members:
        """Reserve, and so limit, a function's concurrency."""
        if ReservedConcurrentExecutions > 900:
            raise invalid(
                "Specified ReservedConcurrentExecutions for function decreases account's "
                "UnreservedConcurrentExecution below its minimum value of [100]."
            )
        with self.changing(self.own_call(call, FunctionName).name) as record:
            record["concurrency"] = ReservedConcurrentExecutions
        return {"ReservedConcurrentExecutions": ReservedConcurrentExecutions}

    @operation
    def get_function_concurrency(self, call: Call, FunctionName: str) -> Members:
        """A function's reserved concurrency, if any."""
        reserved = self.function(self.own_call(call, FunctionName).name)["concurrency"]
        return {} if reserved is None else {"ReservedConcurrentExecutions": reserved}

    @operation
    def delete_function_concurrency(self, call: Call, FunctionName: str) -> Members:
        """End the reservation."""
        with self.changing(self.own_call(call, FunctionName).name) as record:
            record["concurrency"] = None
        return {}

    @operation
    def get_account_settings(self, call: Call) -> Members:
        """The account's limits (AWS's defaults, which hold here too) and use."""
        functions = self.store.scan(FUNCTION)
        reserved = sum(record["concurrency"] or 0 for _, record in functions)
        return {
            "AccountLimit": {
                "TotalCodeSize": 80530636800,
                "CodeSizeUnzipped": 262144000,
                "CodeSizeZipped": 52428800,
                "ConcurrentExecutions": 1000,
                "UnreservedConcurrentExecutions": 1000 - reserved,
            },
            "AccountUsage": {
                "TotalCodeSize": sum(record["configuration"]["CodeSize"] for _, record in functions),
                "FunctionCount": len(functions),
            },
        }

    @operation
    def get_function_code_signing_config(self, call: Call, FunctionName: str) -> Members:
        """No function here has one."""
        return {"FunctionName": self.own_call(call, FunctionName).name}
