"""``headwater up``: the embedded endpoint, in the background or the foreground."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Optional

import typer

from headwater.cli.console import FAILED, Exit, out, print_json, reported
from headwater.cli.options import Debug, Home, Iam, Json, Project
from headwater.errors import EndpointError

if TYPE_CHECKING:
    from headwater.cloud.session import EndpointAddress
    from headwater.local.identity.authorizer import Mode

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
USUAL_PORT = 4566


@app.command()
def up(
    foreground: bool = typer.Option(False, "--foreground", help="Serve until interrupted."),
    port: int = typer.Option(0, "--port", help=f"The loopback port; by default {USUAL_PORT}, or a free one."),
    iam: Iam = None,
    spark: Optional[str] = typer.Option(
        None, "--spark", help="Run every Spark job on this cluster: spark://HOST:PORT."
    ),
    home: Home = None,
    project: Project = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Start the endpoint, go on with what an earlier one left unfinished, and print how to use it."""
    with reported(debug):
        from headwater.cli import local_endpoint
        from headwater.cli.project import home_of

        folder = home_of(project, home)
        if spark is not None:
            local_endpoint.use_spark_master(spark)
        address = local_endpoint.find(folder)
        if foreground:
            if address:
                raise Exit(FAILED, f"an endpoint already serves {folder} at {address.url}: `headwater down` ends it")
            _serve(folder, port, iam.value if iam else "enforce")
            return
        already = address is not None
        if address is None:
            address = _start(folder, port, iam.value if iam else None)
        else:
            local_endpoint.check_mode(address, iam.value if iam else None)
            local_endpoint.check_spark_master(address, spark)
        if json:
            print_json(
                {
                    "endpoint_url": address.url,
                    "region": address.region,
                    "account": address.account,
                    "access_key_id": address.access_key_id,
                    "secret_access_key": address.secret_access_key,
                    "home": str(folder),
                    "pid": address.pid,
                    "next": local_endpoint.next_schedule(address),
                }
            )
            return
        _say(address, "is up already" if already else "is up")


def _start(home: Path, port: int, iam: str | None) -> EndpointAddress:
    """Start it on the port asked for, else on the usual one, else, where another took that meanwhile, on a free one."""
    from headwater.cli.local_endpoint import start

    wanted = port or _free_or_usual()
    try:
        return start(home, wanted, until_we_end=False, iam=iam)
    except EndpointError:
        if port or not wanted or _free_or_usual():
            raise
        return start(home, 0, until_we_end=False, iam=iam)


def _say(address: EndpointAddress, state: str) -> None:
    from headwater.cli import local_endpoint

    out.print(f"# The endpoint {state} at {address.url} (pid {address.pid}). Any AWS client can use it:")
    for name, value in address.exports().items():
        out.print(f"export {name}={value}")
    if line := local_endpoint.next_schedule(address):
        out.print(f"# {line}")


def _free_or_usual() -> int:
    import socket

    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", USUAL_PORT))
        except OSError:
            return 0
    return USUAL_PORT


def _serve(home: Path, port: int, iam: Mode) -> None:
    from headwater.cloud.session import EndpointAddress
    from headwater.local.endpoint import EndpointSettings, LocalEndpoint
    from headwater.local.server import HomeIsTaken, serve

    def say(endpoint: LocalEndpoint) -> None:
        address = EndpointAddress.read(home)
        if address:
            _say(address, "serves until Ctrl-C")

    logging.captureWarnings(True)
    try:
        serve(EndpointSettings.from_environment(home, port or _free_or_usual(), iam=iam), verbose=True, when_up=say)
    except (HomeIsTaken, OSError) as error:
        raise Exit(FAILED, str(error)) from error
    sys.stdout.flush()
