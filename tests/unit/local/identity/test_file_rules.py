"""Rules for the lake's files say what the evaluator says of each call."""

from __future__ import annotations

from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from headwater.local.identity.evaluation import Caller, PolicySet, decide
from headwater.local.identity.file_rules import ACTIONS, file_rules
from headwater.local.identity.policies import Request

CONTEXT = {"aws:principaltag/team": "raw", "aws:securetransport": "true"}
CALLER = Caller("arn:aws:sts::0:assumed-role/etl/me", "0", "arn:aws:iam::0:role/etl")
NAMES = ["lake/raw/a", "lake/raw/b/c", "lake/made/a", "lake/a.b", "other/raw/a"]
PATTERNS = ["*", "lake", "lake/*", "lake/raw/*", "lake/r?w/a", "l*/made/*", "lake/${aws:PrincipalTag/team}/*", "other"]
PREFIXES = ["raw/*", "raw/a", "made/*", "${aws:PrincipalTag/team}/*", "*", ""]

resources = st.lists(st.sampled_from(PATTERNS).map(lambda p: p if p == "*" else f"arn:aws:s3:::{p}"), min_size=1)
prefix_test = st.builds(
    lambda operator, wanted: {operator: {"s3:prefix": wanted}},
    st.sampled_from(["StringLike", "StringEquals", "StringNotLike", "StringNotEquals", "StringLikeIfExists"]),
    st.lists(st.sampled_from(PREFIXES), min_size=1, max_size=2),
)
other_test = st.sampled_from(
    [
        {"Bool": {"aws:SecureTransport": "false"}},
        {"StringEquals": {"aws:PrincipalTag/team": "raw"}},
        {"StringEquals": {"aws:PrincipalTag/none": "x"}},
    ]
)


@st.composite
def statements(draw: st.DrawFn) -> dict[str, Any]:
    actions = draw(st.sampled_from([["s3:*"], ["s3:Get*"], ["s3:ListBucket"], ["s3:PutObject", "s3:DeleteObject"]]))
    found: dict[str, Any] = {"Effect": draw(st.sampled_from(["Allow", "Allow", "Deny"]))}
    found[draw(st.sampled_from(["Action", "Action", "NotAction"]))] = actions
    found[draw(st.sampled_from(["Resource", "Resource", "NotResource"]))] = draw(resources)
    only_lists = found.get("Action") == ["s3:ListBucket"]
    condition = draw(st.none() | (prefix_test | other_test if only_lists else other_test))
    return {**found, "Condition": condition} if condition else found


BUT_OBJECTS: dict[str, Any] = {
    "Effect": "Allow",
    "Action": ["s3:ListBucket"],
    "NotResource": ["arn:aws:s3:::lake/*"],
    "Condition": {"StringNotLike": {"s3:prefix": ["raw/*"]}},
}


@example([BUT_OBJECTS], None)
@given(st.lists(statements(), max_size=4), st.none() | st.lists(statements(), max_size=3))
def test_rules_agree_with_the_evaluator(identity: list[dict[str, Any]], boundary: list[dict[str, Any]] | None) -> None:
    layers = {"identity-based policy": identity} | ({"permissions boundary": boundary} if boundary is not None else {})
    rules = file_rules(CALLER.arn, layers, [], CONTEXT)
    policies = PolicySet(identity=identity, boundary=boundary)
    for action in ACTIONS:
        for name in NAMES:
            bucket, _, prefix = name.partition("/")
            listing = action == "ListBucket"
            context = {**CONTEXT, "s3:prefix": prefix} if listing else CONTEXT
            request = Request(f"s3:{action}", f"arn:aws:s3:::{bucket if listing else name}", context)
            assert rules.may(action, name) == decide(request, policies, CALLER).allowed, (action, name)
