"""Search over training jobs, as the SageMaker SDK asks when it registers a model and as experiments are compared.

Source: SageMaker API reference, Search, SearchExpression and Filter (2026-11). Not faithful to AWS: training jobs only
(models, trials, packages … are refused by name), no NestedFilters, and a job is found as soon as it is made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from headwater.local.service import Call, Members, operation
from headwater.local.services.sagemaker import tags
from headwater.local.services.sagemaker.errors import check_choice, check_range, invalid, not_computed
from headwater.local.services.sagemaker.training import TrainingOperations, describe

MAX_RESULTS = 100
Comparable = tuple[int, float, str]

COMPARISONS: dict[str, Callable[[Comparable, Comparable], bool]] = {
    "Equals": lambda kept, given: kept == given,
    "NotEquals": lambda kept, given: kept != given,
    "GreaterThan": lambda kept, given: kept > given,
    "GreaterThanOrEqualTo": lambda kept, given: kept >= given,
    "LessThan": lambda kept, given: kept < given,
    "LessThanOrEqualTo": lambda kept, given: kept <= given,
}
OPERATORS = {*COMPARISONS, "Contains", "Exists", "In", "NotExists"}


class SearchOperations(TrainingOperations):
    """The Search operation."""

    @operation
    def search(
        self,
        call: Call,
        Resource: str,
        SearchExpression: Members | None = None,
        SortBy: str = "LastModifiedTime",
        SortOrder: str = "Descending",
        NextToken: str | None = None,
        MaxResults: int = 10,
    ) -> Members:
        """A page of the training jobs that an expression describes."""
        if Resource != "TrainingJob":
            raise not_computed(f"Search of {Resource}", "It searches TrainingJob.")
        check_choice("sortOrder", SortOrder, {"Ascending", "Descending"})
        check_range("maxResults", MaxResults, 1, MAX_RESULTS)
        jobs = [
            describe(job) | {"Tags": tags.as_list(tags.read(self.store, job["arn"]))}
            for job in self.training_jobs.all()
        ]
        found = [job for job in jobs if matches(job, SearchExpression or {})]
        found.sort(key=lambda job: _comparable(next(values_at(job, SortBy), "")), reverse=SortOrder == "Descending")
        first = _place(NextToken)
        page = found[first : first + MaxResults]
        more = {"NextToken": str(first + MaxResults)} if first + MaxResults < len(found) else {}
        total = {"TotalHits": {"Value": len(found), "Relation": "EqualTo"}}
        return {"Results": [{"TrainingJob": job} for job in page], **total, **more}


def matches(record: Mapping[str, Any], expression: Mapping[str, Any]) -> bool:
    """Whether a described resource is what a SearchExpression looks for.

    >>> matches({"Tags": [{"Key": "team", "Value": "a"}]}, {"Filters": [{"Name": "Tags.team", "Value": "a"}]})
    True
    """
    if expression.get("NestedFilters"):
        raise not_computed("NestedFilters", "Filter by a dotted name, such as InputDataConfig.ChannelName.")
    check_choice("operator", expression.get("Operator"), {"And", "Or"})
    found = [_passes(record, one) for one in expression.get("Filters") or []]
    found += [matches(record, one) for one in expression.get("SubExpressions") or []]
    return not found or (any(found) if expression.get("Operator") == "Or" else all(found))


def _passes(record: Mapping[str, Any], asked: Mapping[str, str]) -> bool:
    operator = asked.get("Operator", "Equals")
    check_choice("operator", operator, OPERATORS)
    kept = list(values_at(record, asked["Name"]))
    if operator in ("Exists", "NotExists"):
        return bool(kept) == (operator == "Exists")
    if "Value" not in asked:
        raise invalid(f"The filter on {asked['Name']} has the operator {operator} and no Value")
    if operator == "Contains":
        return any(asked["Value"] in str(value) for value in kept)
    values = [_comparable(value) for value in kept]
    if operator == "In":
        wanted = [_comparable(part.strip()) for part in asked["Value"].split(",")]
        return any(value in wanted for value in values)
    given = _comparable(asked["Value"])
    if operator == "NotEquals":
        return given not in values
    # a number and a text are of different kinds, and neither is greater
    return any(COMPARISONS[operator](value, given) for value in values if value[0] == given[0])


def values_at(record: Any, name: str) -> Iterator[Any]:
    """The values at a dotted name: through lists to each element, ``Tags.<key>`` and ``Metrics.<name>`` by name."""
    if isinstance(record, Mapping) and name.startswith("Tags."):
        record, name = {tag["Key"]: tag["Value"] for tag in record.get("Tags", [])}, name[5:]
    elif isinstance(record, Mapping) and name.startswith("Metrics."):
        record, name = {m["MetricName"]: m["Value"] for m in record.get("FinalMetricDataList", [])}, name[8:]
    if isinstance(record, list):
        for element in record:
            yield from values_at(element, name)
    elif not isinstance(record, Mapping):
        return
    elif name in record:
        kept = record[name]
        if not isinstance(kept, (Mapping, list)):
            yield kept
    else:
        head, dot, rest = name.partition(".")
        if dot and head in record:
            yield from values_at(record[head], rest)


def _comparable(value: Any) -> Comparable:
    """A value so that numbers, times and texts compare with those of their kind."""
    if isinstance(value, datetime):
        return 1, value.timestamp(), ""
    if isinstance(value, bool):
        return 2, 0.0, str(value).lower()
    text = str(value)
    readings: tuple[Callable[[str], float], ...] = (float, _epoch)
    for kind, read in enumerate(readings):
        try:
            return kind, read(text), ""
        except ValueError:
            continue
    return 2, 0.0, text


def _epoch(text: str) -> float:
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _place(token: str | None) -> int:
    if token is not None and not token.isdigit():
        raise invalid("The pagination token is not valid: it was not answered by this operation")
    return int(token or 0)
