"""Scripted replies from lists and files, and the one string that picks a model."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from deepeyes.core.errors import ModelError
from deepeyes.core.images import VisionSpec
from deepeyes.core.messages import Message
from deepeyes.models.openai import OpenAIModel
from deepeyes.models.registry import resolve_model
from deepeyes.models.scripted import ScriptedModel


async def replies(model: Any, question: str, count: int) -> list[str]:
    talk = model.conversation()
    said = [(await talk.send([Message.make("user", question)])).text]
    for _ in range(count - 1):
        said.append((await talk.send([Message.make("user", "go on")])).text)
    return said


async def test_conversations_share_nothing():
    model = ScriptedModel(["one", "two"])
    assert await replies(model, "q", 3) == ["one", "two", "(the script has no more replies)"]
    assert await replies(model, "q", 1) == ["one"]


async def test_replies_by_question():
    model = ScriptedModel({"colour": ["red"], "many": ["3"], "": ["hm"]})
    assert await replies(model, "What colour is it?", 1) == ["red"]
    assert await replies(model, "How many?", 1) == ["3"]
    assert await replies(model, "Who?", 1) == ["hm"]


async def test_text_is_heard_in_pieces():
    heard: list[str] = []
    await ScriptedModel(["a b\nc"]).conversation().send([Message.make("user", "q")], on_text=heard.append)
    assert "".join(heard) == "a b\nc" and len(heard) > 1


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("s.txt", "one\n---\ntwo\nlines\n"),
        ("s.json", json.dumps(["one", "two\nlines"])),
        ("s.json", json.dumps([{"task": "q", "replies": ["one", "two\nlines"]}])),
        ("s.jsonl", '"one"\n{"text": "two\\nlines"}\n'),
        ("s.jsonl", '{"task": "other", "replies": []}\n{"task": "q", "replies": ["one", "two\\nlines"]}\n'),
    ],
)
async def test_script_files(tmp_path: Path, name: str, content: str):
    path = tmp_path / name
    path.write_text(content)
    model = resolve_model(f"scripted:{path}", prompt="brief")
    assert (model.name, model.prompt) == (f"scripted:{name}", "brief")
    assert await replies(model, "q", 2) == ["one", "two\nlines"]


async def test_scripted_tool_calls(tmp_path: Path):
    path = tmp_path / "s.json"
    path.write_text(json.dumps([{"tool_calls": [{"name": "python", "arguments": {"code": "1"}}]}]))
    reply = await resolve_model(f"scripted:{path}").conversation().send([Message.make("user", "q")])
    assert reply.tool_calls[0].name == "python" and json.loads(reply.tool_calls[0].arguments) == {"code": "1"}


@pytest.mark.parametrize("content", ["{", "[3]", '{"replies": 3}'])
def test_bad_scripts(tmp_path: Path, content: str):
    path = tmp_path / "s.json"
    path.write_text(content)
    with pytest.raises(ModelError, match="give a list of replies"):
        resolve_model(f"scripted:{path}")
    with pytest.raises(ModelError, match="no such file"):
        resolve_model("scripted:nowhere.txt")


def test_a_server_model():
    model = resolve_model("openai:org/Some-VL@http://127.0.0.1:8000/v1", retries=0)
    assert isinstance(model, OpenAIModel) and model.model == "org/Some-VL"


@pytest.mark.parametrize(
    "spec", ["", "gpt", "nano-base:x", "hf:", "scripted:", "openai:", "NANO", "nano-baes"]
)
def test_unknown_models_list_the_forms(spec: str):
    forms = (
        "use nano, nano-sft, nano-rl, nano-world, nano-base, nano:FOLDER, hf:PATH_OR_ID, "
        "openai:MODEL@BASE_URL or scripted:FILE"
    )
    with pytest.raises(ModelError, match=forms):
        resolve_model(spec)


@pytest.mark.parametrize("spec", ["openai:m", "openai:m@", "openai:m@localhost:8000", "openai:@http://h/v1"])
def test_a_server_model_without_a_server(spec: str):
    with pytest.raises(ModelError, match="names no server: write it like openai:"):
        resolve_model(spec)


def test_settings_after_the_name(tmp_path: Path):
    served = resolve_model("openai:m@http://h/v1#prompt=brief,max_pixels=37632,min_pixels=3136,retries=0")
    assert (served.name, served.prompt) == ("openai:m@http://h/v1", "brief")
    assert served.vision == VisionSpec(factor=28, min_pixels=3136, max_pixels=37632)
    script = tmp_path / "s.txt"
    script.write_text("hi")
    assert resolve_model(f"scripted:{script}#prompt=brief,max_pixels=50176").vision.max_pixels == 50176


@pytest.mark.parametrize(
    ("settings", "asked"), [("", False), ("#logprobs=true", True), ("#logprobs=false", False)]
)
async def test_log_probs_are_asked_for_by_the_string(settings: str, asked: bool):
    bodies: list[dict[str, Any]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        bodies.append(json.loads(request.content))
        message = {"role": "assistant", "content": "hi"}
        sampled = {"content": [{"token": "hi", "logprob": -0.5}]} if asked else None
        return httpx.Response(200, json={"choices": [{"message": message, "logprobs": sampled}]})

    model = resolve_model(f"openai:m@http://h/v1{settings}", transport=httpx.MockTransport(answer))
    reply = await model.conversation().send([Message.make("user", "q")])
    await model.aclose()
    assert bodies[0].get("logprobs", False) is asked
    assert reply.logprobs == ((-0.5,) if asked else None)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (
            "size=3",
            "known are prompt, dialect_name, logprobs, seconds, retries, factor, min_pixels, max_pixels",
        ),
        ("prompt", "is not a setting"),
        ("retries=many", "give a number"),
        ("logprobs=1", "'1' is neither.*: give true or false"),
        ("max_pixels=3", "picture sizes"),
    ],
)
def test_bad_settings(settings: str, words: str):
    with pytest.raises(ModelError, match=words) as caught:
        resolve_model(f"openai:m@http://h/v1#{settings}")
    assert "\n" not in str(caught.value)


def test_importing_loads_nothing_heavy():
    rooms = ["agent.loop", "agent.many", "models.registry", "models.openai", "tools.python", "grading.rules"]
    code = (
        f"import sys, {', '.join(f'deepeyes.{room}' for room in rooms)}\n"
        "heavy = {'torch', 'transformers', 'numpy', 'matplotlib', 'scipy'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_import_deepeyes_is_fast_and_its_front_door_opens():
    code = (
        "import time; start = time.process_time(); import deepeyes; took = time.process_time() - start\n"
        "import sys; assert 'pydantic' not in sys.modules and 'torch' not in sys.modules\n"
        "assert took < 0.3, took\n"
        "for name in deepeyes.__all__: getattr(deepeyes, name)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
