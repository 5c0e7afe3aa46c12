"""`deepeyes sandbox check` and `deepeyes sandbox serve`."""

from __future__ import annotations

import asyncio
import json
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from deepeyes.sandbox.limits import Preload

app = typer.Typer(help="The Python sandbox: what isolation this machine gives, and the HTTP server.")


@app.command()
def check(
    as_json: Annotated[bool, typer.Option("--json", help="Print one object: tier and probes.")] = False,
    tier: Annotated[str | None, typer.Option(help="Try only this tier: full, uid or landlock.")] = None,
) -> None:
    """Start a sandbox, let a canary try to break out, and print every probe."""
    from deepeyes.sandbox import check as checking

    report = asyncio.run(checking.report(checking.parse_tier(tier)))
    if as_json:
        typer.echo(json.dumps(report.as_dict()))
    else:
        _print(report)
    if report.error:
        raise report.error


@app.command()
def serve(
    host: Annotated[
        str, typer.Option(help="Address to listen on; others than loopback need a token.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535)] = 8080,
    preload: Annotated[Preload, typer.Option(help="What every session finds imported.")] = "full",
    max_sessions: Annotated[int, typer.Option(min=1, help="Sessions kept per client.")] = 64,
) -> None:
    """Serve sessions over HTTP. The token is read from DEEPEYES_SANDBOX_TOKEN."""
    from deepeyes.serve.sandbox import run

    run(host=host, port=port, preload=preload, sessions_per_client=max_sessions)


def _print(report: object) -> None:
    from deepeyes.sandbox.check import Report

    assert isinstance(report, Report)
    console = Console()
    for probe in report.probes:
        mark = "[green]held[/]" if probe.ok else "[red]FAILED[/]"
        console.print(f"{mark}  {escape(probe.name)}  [dim]{escape(probe.detail)}[/]", highlight=False)
    console.print(f"tier: [bold]{report.tier or 'none'}[/]", highlight=False)
    if report.warning:
        console.print(f"[yellow]{escape(report.warning)}[/]", highlight=False)
