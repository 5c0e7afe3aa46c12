"""`deepeyes`: finds the verb, and turns every expected error into one line and an exit code.

What always holds: a verb's file is imported when the verb is used, so `deepeyes --help` is fast and imports
no torch; an expected error is one line on stderr without a traceback; a bug keeps its traceback.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from deepeyes import __version__
from deepeyes.core.errors import DeepEyesError, StorageError, boundary

VERBS = {
    "ask": "Ask a question about an image.",
    "chat": "Ask questions that follow one another.",
    "grade": "Right, wrong or unsure: verdicts on a file of answers.",
    "view": "Browse the episodes of runs, filter them, compare two.",
    "demo": "Ask the embedded model some held-out questions and write a page about it.",
    "example": "Images to try it with, and what to ask about them.",
    "doctor": "What is installed, what works here, and what to do about the rest.",
}
GROUPS = {
    "eval": "Measure a model.",
    "world": "The embedded world: look at its pictures, tasks and entities.",
    "data": "From raw questions to data to learn from.",
    "train": "Train models from recipes.",
    "recipes": "The recipes that ship: list and copy them.",
    "sandbox": "The Python sandbox by itself.",
    "search": "Search texts and pictures, offline or through a provider.",
    "judge": "Models that decide what rules leave open: how far they agree with people.",
}


class LazyGroup(TyperGroup):
    """Knows the verbs by name and help; loads the one that is used."""

    def list_commands(self, ctx: Any) -> list[str]:
        return [*VERBS, *GROUPS]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Only what a list of commands shows; `resolve_command` loads the real one."""
        words = VERBS.get(cmd_name) or GROUPS.get(cmd_name)
        return None if words is None else TyperCommand(cmd_name, help=words, callback=None)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        self.commands = dict.fromkeys(self.list_commands(ctx))  # type: ignore[assignment]  # names to suggest
        name, command, rest = super().resolve_command(ctx, args)
        return name, command and load(str(name)), rest


def load(name: str) -> Any:
    app = import_module(f"deepeyes.cli.{name}").app
    command: Any = typer.main.get_group(app) if name in GROUPS else typer.main.get_command(app)
    command.name = name
    return _plain(command)


def _plain(command: Any) -> Any:
    """The same, without the word that Typer puts beside an option that takes none."""
    context = command.context_class(command, info_name=command.name, **command.context_settings)
    for option in command.get_params(context):
        if getattr(option, "is_flag", False):
            option.metavar = ""
    for sub in getattr(command, "commands", {}).values():
        _plain(sub)
    return command


app = typer.Typer(
    cls=LazyGroup,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"deepeyes {__version__}")
        raise typer.Exit


@app.callback()
def _root(  # pyright: ignore[reportUnusedFunction]
    version: bool = typer.Option(
        False, "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
    ),
) -> None:
    """An agentic multimodal model: ask it, train it, measure it, look at it."""


def main(args: list[str] | None = None) -> None:
    """The console script."""
    try:
        # A full disk behind stdout is the user's to mend like any other; flushing here makes it show up here.
        with boundary(StorageError, "writing the output", expected=()):
            try:
                _plain(typer.main.get_command(app))(args, prog_name="deepeyes")
            finally:
                sys.stdout.flush()
    except DeepEyesError as error:
        for told in getattr(error, "__notes__", ()):
            print(f"note: {told}", file=sys.stderr)
        print(f"deepeyes: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
