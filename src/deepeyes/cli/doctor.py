"""`deepeyes doctor`: what is installed, which models and isolation there are, what to do about the rest."""

from __future__ import annotations

import asyncio
import json
import os
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import typer
from rich.console import Console
from rich.markup import escape

from deepeyes.core.errors import DeepEyesError
from deepeyes.core.extras import install

app = typer.Typer(add_completion=False)

# Extra -> the distributions that tell whether it is there. The names are those of pyproject.toml.
EXTRAS = {
    "nano": ("torch", "transformers", "accelerate"),
    "data": ("datasets", "datasketch", "imagehash", "pyarrow"),
    "ray": ("ray",),
    "train": ("trl", "datasets", "peft"),
    "search": ("tantivy", "numkong", "onnxruntime"),
    "serve": ("starlette", "uvicorn"),
    "sandbox": ("scipy",),
    "eval": ("scipy", "statsmodels"),
    "inspect": ("inspect-ai",),
    "report": ("trackio", "wandb"),
}


@dataclass(frozen=True)
class Finding:
    """One thing, whether it works, and what to do if not."""

    area: str
    name: str
    ok: bool
    detail: str = ""
    remedy: str = ""


@app.command()
def doctor(as_json: bool = typer.Option(False, "--json", help="Print one JSON object.")) -> None:
    """What works here, and what to do about the rest. Exit code 0 if the main job can be done."""
    findings = [*_extras(), *_models(), *_search(), *_sandbox()]
    able = all(any(f.ok for f in findings if f.area == area) for area in ("model", "sandbox"))
    if as_json:
        print(json.dumps({"ok": able, "findings": [asdict(finding) for finding in findings]}))
    else:
        _print(findings)
    if not able:
        raise typer.Exit(1)


def _extras() -> list[Finding]:
    found: list[Finding] = []
    for extra, names in EXTRAS.items():
        there = {name: _version(name) for name in names}
        missing = [name for name, number in there.items() if not number]
        detail = ", ".join(f"{name} {number}" for name, number in there.items() if number)
        remedy = f"{install(extra)} (missing: {', '.join(missing)})" if missing else ""
        found.append(Finding("extra", extra, not missing, detail, remedy))
    return found


def _models() -> list[Finding]:
    import deepeyes

    torch, transformers = _version("torch"), _version("transformers")
    weights = Path(deepeyes.__file__).parent / "models" / "nano" / "weights"
    found: list[Finding] = []
    for name, folder in (("nano", "cold"), ("nano-world", "world"), ("nano-base", "base")):
        there = (weights / folder / "model.safetensors").exists()
        remedy = "" if there else "build its weights in a checkout: make nano"
        if not (torch and transformers):
            remedy = install("nano")
        found.append(Finding("model", name, not remedy, "weights are here" if there else "", remedy))
    hf_remedy = "" if torch and transformers else install("nano")
    found.append(Finding("model", "hf:PATH_OR_ID", not hf_remedy, "", hf_remedy))
    return [*found, _servers()]


def _servers() -> Finding:
    from deepeyes.models.providers import COMMON_KEY, OPENAI_KEY, table

    keys = [f"{name} is set" for name in (COMMON_KEY, OPENAI_KEY) if os.environ.get(name)]
    detail = ", ".join(keys) or "no key is set, which is fine for servers that need none"
    try:
        known = table().providers
    except DeepEyesError as error:
        return Finding("model", "openai:MODEL@BASE_URL", False, error.message, error.remedy)
    unset = sorted({one.key_env for one in known.values() if one.key_env and not os.environ.get(one.key_env)})
    if known:
        detail += f"; providers: {', '.join(known)}"
    remedy = f"set {', '.join(unset)}" if unset else ""
    return Finding("model", "openai:MODEL@BASE_URL", True, detail, remedy)


def _search() -> list[Finding]:
    from deepeyes.search.text.index import parts_report

    return [Finding("search", name, ok, "", remedy) for name, ok, remedy in parts_report()]


def _sandbox() -> list[Finding]:
    from deepeyes.sandbox.check import report

    found = asyncio.run(report())
    if found.error is not None:
        return [Finding("sandbox", "isolation", False, found.error.message, found.error.remedy)]
    detail = f"{found.tier}: {sum(probe.ok for probe in found.probes)} of {len(found.probes)} probes passed"
    return [Finding("sandbox", "isolation", True, detail, found.warning)]


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _print(findings: list[Finding]) -> None:
    """One line a finding, the remedy on the next, under a heading for each area."""
    console = Console(highlight=False)
    for area, title in (
        ("extra", "Installed"),
        ("model", "Models"),
        ("search", "Search"),
        ("sandbox", "Sandbox"),
    ):
        console.print(f"[bold]{title}[/]")
        for finding in (f for f in findings if f.area == area):
            mark = "[green]yes[/]" if finding.ok else "[yellow]no [/]"
            console.print(
                f"  {mark} {escape(f'{finding.name:<22} {finding.detail}'.rstrip())}", soft_wrap=True
            )
            if finding.remedy:
                console.print(f"      {escape(finding.remedy)}", style="yellow", soft_wrap=True)
