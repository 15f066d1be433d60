"""The sweeper as Amazon States Language, generated from the kinds.

::

    settings   Pass     what to look for: the input over the stack's defaults
    find       Task     a page of the Resource Groups Tagging API; again while there are pages
    sort       Pass     by kind and phase; what is kept at once, with why
    phases     Map      one phase after the other
        resources  Map  of a phase, five at a time: look, judge, delete; one outcome each
    report     Pass     every outcome, counted

A resource that cannot be deleted is an outcome (`failed`, with AWS's error), never the end of the sweep. A dry run
takes the same way and stops before the first change, so that it shows what a sweep would do.

Input, all of it optional::

    {"tag": {"key": "ResourceTag", "value": "demo"}, "older_than_hours": 24, "dry_run": true,
    , "only": ["<arn>", …], "named": ["<arn>", …]}

`only` limits the sweep to resources that an earlier one showed; `named` are the buckets and databases that may go with
what is in them, and resources that go whatever their age.
"""

from __future__ import annotations

import json

from headwater.plan.sweeper.kinds import KINDS, ApiCall, Drain, Each, Kind, Step, Until

State = dict[str, object]
States = dict[str, State]

KEEP_TAG = "headwater:keep"
"""What bears this tag stays, whatever its value: IAM, too, asks only whether it is there."""
MOST_A_SWEEP = 500
"""Resources of one sweep: what a state may hold is limited (256 KiB), and what is left over goes next time."""
_AT_ONCE = 5
_LOOK_AGAIN_S = 5
_MOST_LOOKS = 360

_GONE = r"/not exist|not found|could not find|NotFound|NoSuch/i"
_BUSY = ("ThrottlingException", "TooManyRequestsException", "ConcurrentModificationException", "SdkClientException")
_CAUGHT = "{% $states.errorOutput.Error & ': ' & $states.errorOutput.Cause %}"


def definition() -> State:
    """Return the state machine's definition.

    `${TagKey}`, `${TagValue}`, `${OlderThanHours}` and `${StackRole}` stand for what the stack fills in.
    """
    return {
        "Comment": "Deletes what bears a tag, is old enough and was not marked to be kept. Compiled by Headwater.",
        "QueryLanguage": "JSONata",
        "StartAt": "settings",
        "States": {
            "settings": {"Type": "Pass", "Assign": _settings(), "Next": "find"},
            "find": _find(),
            "more?": {
                "Type": "Choice",
                "Choices": [{"Condition": f"{{% $next != '' and $count($found) < {MOST_A_SWEEP} %}}", "Next": "find"}],
                "Default": "sort",
            },
            "sort": {"Type": "Pass", "Output": _sort(), "Next": "phases"},
            "phases": {
                "Type": "Map",
                "Items": "{% $states.input.phases %}",
                "MaxConcurrency": 1,
                "ItemProcessor": {"StartAt": "resources", "States": {"resources": _resources()}},
                "Next": "report",
            },
            "report": {"Type": "Pass", "Output": _report(), "End": True},
        },
    }


def _settings() -> State:
    """Variables: from the input where it says so, else from the stack."""
    return {
        "tag": "{% $merge([{'key': '${TagKey}', 'value': '${TagValue}'}, $states.input.tag]) %}",
        "hours": "{% $exists($states.input.older_than_hours) ? $states.input.older_than_hours"
        " : $number('${OlderThanHours}') %}",
        "dry": "{% $exists($states.input.dry_run) ? $states.input.dry_run : false %}",
        "only": "{% $exists($states.input.only) ? [$states.input.only] : null %}",
        "named": "{% [$states.input.named] %}",
        "found": [],
        "next": "",
    }


def _find() -> State:
    return {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:resourcegroupstaggingapi:getResources",
        "Arguments": "{% $merge([{'TagFilters': [{'Key': $tag.key, 'Values': [$tag.value]}], 'ResourcesPerPage': 100},"
        " $next = '' ? {} : {'PaginationToken': $next}]) %}",
        "Retry": _retry("ResourceGroupsTaggingApi"),
        "Assign": {
            "found": "{% [$append($found, $states.result.ResourceTagMappingList)] %}",
            "next": "{% $exists($states.result.PaginationToken) ? $states.result.PaginationToken : '' %}",
        },
        "Next": "more?",
    }


def _sort() -> str:
    """Each resource with its kind, name and tags, and why it stays where that is known already; then by phase."""
    kinds = json.dumps([{"kind": kind.name, "prefix": kind.prefix, "phase": kind.phase} for kind in KINDS])
    last = max(kind.phase for kind in KINDS)
    text = f"""(
        $kinds := {kinds};
        $wanted := $found[$only = null or ResourceARN in $only];
        $items := [$wanted.(
            $arn := ResourceARN;
            $parts := $split($arn, ':');
            $rest := $parts[2] & ':' & $join([$parts[[5..99]]], ':');
            $kind := $kinds[$substring($rest, 0, $length(prefix)) = prefix][0];
            $path := $substring($rest, $length($kind.prefix));
            $tags := $merge([Tags.{{Key: Value}}]);
            $mark := $lookup($tags, '{KEEP_TAG}');
            $stack := $lookup($tags, 'aws:cloudformation:stack-name');
            {{
                'arn': $arn,
                'kind': $exists($kind) ? $kind.kind : 'unknown',
                'phase': $exists($kind) ? $kind.phase : 1,
                'name': $path,
                'why': $not($exists($kind)) ? 'the sweeper deletes no resource of this kind'
                    : $exists($mark) ? 'it bears the tag {KEEP_TAG}'
                    : $exists($stack) and $kind.kind != 'stack' ? 'it belongs to the stack ' & $stack
                    : ''
            }}
        )];
        {{'phases': [[1..{last}].(
            $phase := $;
            $count($items[phase = $phase]) > 0 ? {{'items': [$items[phase = $phase]]}}
        )]}}
    )"""
    return "{% " + " ".join(text.split()) + " %}"


def _resources() -> State:
    return {
        "Type": "Map",
        "Items": "{% $states.input.items %}",
        "MaxConcurrency": _AT_ONCE,
        "ItemProcessor": {"StartAt": "resource", "States": _resource_states()},
        "End": True,
    }


def _resource_states() -> States:
    rules = [{"Condition": "{% $item.why != '' %}", "Next": "kept"}]
    rules += [{"Condition": f"{{% $item.kind = '{kind.name}' %}}", "Next": f"look at {kind.name}"} for kind in KINDS]
    states: States = {
        "resource": {
            "Type": "Pass",
            "Assign": {"item": "{% $states.input %}", "why": "{% $states.input.why %}", "looks": 0},
            "Next": "which kind?",
        },
        "which kind?": {"Type": "Choice", "Choices": rules, "Default": "kept"},
    }
    for kind in KINDS:
        states |= _kind_states(kind)
    return states | {
        "refused": {
            "Type": "Choice",
            "Choices": [{"Condition": f"{{% $contains($why, {_GONE}) %}}", "Next": "gone"}],
            "Default": "failed",
        },
        **{outcome: _outcome(outcome) for outcome in ("kept", "would delete", "deleted", "gone", "failed")},
    }


def _kind_states(kind: Kind) -> States:
    judge, first = f"judge {kind.name}", f"{kind.name}: 1"
    young = "$type($created) = 'number' and $created > $millis() - $hours * 3600000"
    named = "$exists($named[$ = $item.arn])"
    states: States = {
        f"look at {kind.name}": {
            **_task(kind.look),
            "Assign": {
                "created": f"{{% {kind.created} %}}",
                "why": f"{{% {kind.stays} %}}",
                "absent": f"{{% {kind.absent} %}}",
            },
            "Next": judge,
        },
        judge: {
            "Type": "Choice",
            "Choices": [
                {"Condition": "{% $absent %}", "Next": "gone"},
                {"Condition": "{% $why != '' %}", "Next": "kept"},
                {
                    "Condition": f"{{% $hours > 0 and $not({named}) and $type($created) != 'number' %}}",
                    "Assign": {"why": "AWS does not tell its age: sweep with an age of 0, or name it"},
                    "Next": "kept",
                },
                {
                    "Condition": f"{{% $not({named}) and {young} %}}",
                    "Assign": {"why": "{% 'it is younger than ' & $hours & ' h' %}"},
                    "Next": "kept",
                },
                {"Condition": "{% $dry %}", "Next": "would delete"},
            ],
            "Default": first,
        },
    }
    for number, step in enumerate(kind.steps, 1):
        following = "deleted" if number == len(kind.steps) else f"{kind.name}: {number + 1}"
        states |= _step_states(f"{kind.name}: {number}", step, following)
    return states


def _step_states(name: str, step: Step, following: str) -> States:
    if isinstance(step, ApiCall):
        return {name: {**_task(step), "Next": following}}
    if isinstance(step, Until):
        return _until_states(name, step, following)
    if isinstance(step, Each):
        return _each_states(name, step, following)
    return _drain_states(name, step, following)


def _until_states(name: str, step: Until, following: str) -> States:
    again, wait = f"{name} again?", f"{name} wait"
    return {
        name: {
            **_task(step.call),
            "Assign": {
                "done": f"{{% {step.done} %}}",
                "broken": f"{{% {step.failed} %}}",
                "looks": "{% $looks + 1 %}",
                "why": "{% $join([$states.result.**.StackStatusReason], ' ') %}",
            },
            "Next": again,
        },
        again: {
            "Type": "Choice",
            "Choices": [
                {"Condition": "{% $done %}", "Next": following},
                {"Condition": "{% $broken %}", "Next": "failed"},
                {
                    "Condition": f"{{% $looks > {_MOST_LOOKS} %}}",
                    "Assign": {"why": f"it did not end within {_MOST_LOOKS * _LOOK_AGAIN_S // 60} minutes"},
                    "Next": "failed",
                },
            ],
            "Default": wait,
        },
        wait: {"Type": "Wait", "Seconds": _LOOK_AGAIN_S, "Next": name},
    }


def _each_states(name: str, step: Each, following: str) -> States:
    each = f"{name} each"
    call = {**_task(step.call, caught=False), "End": True}
    return {
        name: {**_task(step.listing), "Output": f"{{% [$states.result.{step.elements}] %}}", "Next": each},
        each: {
            "Type": "Map",
            "Items": "{% $states.input %}",
            "ItemProcessor": {"StartAt": f"{name} one", "States": {f"{name} one": call}},
            "Catch": _catch(),
            "Next": following,
        },
    }


def _drain_states(name: str, step: Drain, following: str) -> States:
    again, take, check = f"{name} more?", f"{name} take", f"{name} taken?"
    return {
        name: {**_task(step.listing), "Output": f"{{% [{step.elements}] %}}", "Next": again},
        again: {
            "Type": "Choice",
            "Choices": [{"Condition": "{% $count($states.input) = 0 %}", "Next": following}],
            "Default": take,
        },
        take: {
            **_task(step.call),
            "Assign": {"why": f"{{% $join([$states.result.{step.errors}.(Code & ': ' & Message)], '; ') %}}"},
            "Output": f"{{% {{'refused': $count($states.result.{step.errors})}} %}}",
            "Next": check,
        },
        check: {
            "Type": "Choice",
            "Choices": [{"Condition": "{% $states.input.refused > 0 %}", "Next": "failed"}],
            "Default": name,
        },
    }


def _task(call: ApiCall, caught: bool = True) -> State:
    service = call.action.partition(":")[0]
    task: State = {
        "Type": "Task",
        "Resource": f"arn:aws:states:::aws-sdk:{call.action}",
        "Arguments": dict(call.arguments),
        "Retry": _retry(_SDK_NAMES.get(service, service.capitalize())),
    }
    return {**task, "Catch": _catch()} if caught else task


# How an error's name spells the service, where it is not the service with a capital.
_SDK_NAMES = {
    "cloudformation": "CloudFormation",
    "cloudwatchlogs": "CloudWatchLogs",
    "emrserverless": "EmrServerless",
    "eventbridge": "EventBridge",
    "sagemaker": "SageMaker",
}


def _retry(service: str) -> list[State]:
    return [
        {
            "ErrorEquals": [f"{service}.{error}" for error in _BUSY],
            "IntervalSeconds": 2,
            "BackoffRate": 2,
            "MaxAttempts": 5,
            "MaxDelaySeconds": 60,
            "JitterStrategy": "FULL",
        }
    ]


def _catch() -> list[State]:
    return [{"ErrorEquals": ["States.ALL"], "Assign": {"why": _CAUGHT}, "Next": "refused"}]


def _outcome(outcome: str) -> State:
    why = "''" if outcome in ("deleted", "would delete") else "$why"
    text = f"{{% {{'arn': $item.arn, 'kind': $item.kind, 'outcome': '{outcome}', 'why': {why}}} %}}"
    return {"Type": "Pass", "Output": text, "End": True}


def _report() -> str:
    text = f"""(
        $flat := [$reduce($states.input, $append, [])];
        {{
            'tag': $tag,
            'older_than_hours': $hours,
            'dry_run': $dry,
            'complete': $next = '' or $count($found) < {MOST_A_SWEEP},
            'counts': $count($flat) = 0 ? {{}} : $flat{{outcome: $count($)}},
            'outcomes': $flat
        }}
    )"""
    return "{% " + " ".join(text.split()) + " %}"
