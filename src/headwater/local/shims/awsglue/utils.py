"""Job arguments, and the small functions of ``awsglue.utils``.

``getResolvedOptions`` answers as Glue 5.1's does, pinned by recorded answers (tests/conformance): unknown arguments are
ignored, the reserved ones are always in the result, abbreviations are accepted.
"""

from __future__ import annotations

import argparse
import traceback
from typing import Any, NoReturn

from awsglue.job import Job

_global_args: dict[str, Any] = {}

# What continuation options, the name of bookmarks before 2018, are today.
CONTINUATIONS = {
    "continuation-enabled": "job-bookmark-enable",
    "continuation-readonly": "job-bookmark-pause",
    "continuation-ignore": "job-bookmark-disable",
}


class GlueArgumentError(Exception):
    """A job argument is missing or wrong."""


class GlueArgumentParser(argparse.ArgumentParser):
    """A parser that raises instead of ending the process."""

    def error(self, msg: str) -> NoReturn:  # type: ignore[override]
        """Raise :class:`GlueArgumentError`."""
        raise GlueArgumentError(msg)


def _parser(options: list[str]) -> GlueArgumentParser:
    parser = GlueArgumentParser()
    parser.add_argument("--job-bookmark-option", choices=Job.job_bookmark_options(), required=False)
    parser.add_argument("--continuation-option", choices=Job.continuation_options(), required=False)
    for name in Job.job_bookmark_range_options():
        parser.add_argument(name, required=False)
    for name in Job.id_params():
        parser.add_argument(name, required=False)
    parser.add_argument("--encryption-type", choices=Job.encryption_type_options(), required=False)
    for name in Job.data_lineage_options():
        parser.add_argument(name, required=False)
    for name in ("RedshiftTempDir", "TempDir"):
        parser.add_argument(f"--{name}", required=False)
    for option in options:
        if option not in ("RedshiftTempDir", "TempDir"):
            parser.add_argument(f"--{option}", required=True)
    return parser


def _resolve_bookmark(parsed: dict[str, Any]) -> None:
    continuation = parsed.pop("continuation_option")
    option = parsed["job_bookmark_option"] or CONTINUATIONS.get(continuation or "", "job-bookmark-disable")
    parsed["job_bookmark_option"] = option
    ends = {name: parsed[name[2:].replace("-", "_")] for name in Job.job_bookmark_range_options()}
    given = [name for name, value in ends.items() if value is not None]
    if given and option != "job-bookmark-pause":
        raise RuntimeError("Invalid option(s)" + " ".join(given))
    if len(given) == 1:
        missing = next(name for name in ends if name not in given)
        raise RuntimeError(f"Missing option or value for {missing}")


def getResolvedOptions(args: list[str], options: list[str]) -> dict[str, Any]:
    """The values of the named arguments, with the reserved ones.

    Parameters
    ----------
    args:
        ``sys.argv``.
    options:
        Names without the dashes; each must be given. A ``-`` in a name becomes ``_`` in the result.

    Raises
    ------
    GlueArgumentError
        An argument is missing or has no value.
    RuntimeError
        A reserved name is asked for, or bookmark options do not go together.
    """
    reserved = {"job-bookmark-option", "job-bookmark-from", "job-bookmark-to", "continuation-option", "encryption-type"}
    clash = [option for option in options if option in reserved]
    if clash:
        raise RuntimeError("Using reserved arguments " + ",".join(clash))
    parsed = vars(_parser(options).parse_known_args(args[1:])[0])
    _resolve_bookmark(parsed)
    temporary = parsed["TempDir"] or parsed["RedshiftTempDir"]
    parsed["TempDir"] = parsed["TempDir"] or temporary
    parsed["RedshiftTempDir"] = parsed["RedshiftTempDir"] or temporary
    _global_args.update(parsed)
    return parsed


def makeOptions(sc: Any, py_obj: Any) -> Any:
    """Options as they are: there is no Scala side here to convert them for."""
    return py_obj


def callsite() -> str:
    """Where in the script the caller was called."""
    frames = [frame for frame in traceback.extract_stack() if "awsglue" not in frame.filename]
    last = frames[-1] if frames else None
    return f'"{last.line}" at {last.filename}:{last.lineno}' if last else ""


def _call_site(sc: Any, call_site: Any, info: Any) -> tuple[Any, Any]:
    return (call_site, info)


def _as_java_list(sc: Any, scala_seq_obj: Any) -> Any:
    return list(scala_seq_obj)


def _as_scala_option(sc: Any, some_val: Any) -> Any:
    return some_val


def _as_resolve_choiceOption(sc: Any, choice_option_str: Any) -> Any:
    return choice_option_str


def iteritems(d: dict[Any, Any], **kwargs: Any) -> Any:
    """The items of a dictionary."""
    return iter(d.items())


def itervalues(d: dict[Any, Any], **kwargs: Any) -> Any:
    """The values of a dictionary."""
    return iter(d.values())
