"""Inspect itself, with our tasks, agent, models and verdicts; where it is installed (docs/inspect.md)."""

import json
from collections.abc import Callable, Sequence
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

pytest.importorskip("inspect_ai", reason="Inspect has an environment of its own: docs/inspect.md")
if not [one for one in entry_points(group="inspect_ai") if one.name == "deepeyes"]:
    pytest.skip("deepeyes is on the path and not installed", allow_module_level=True)

from inspect_ai import eval as inspect_eval
from inspect_ai import eval_retry
from inspect_ai.log import EvalLog, EvalSample, read_eval_log
from inspect_ai.model import (
    ChatCompletionChoice,
    ChatMessageAssistant,
    ChatMessageUser,
    ContentAudio,
    GenerateConfig,
    Model,
    ModelOutput,
    ModelUsage,
    get_model,
)
from inspect_ai.solver import TaskState, generate, solver
from inspect_ai.tool import ToolCall

from deepeyes.core.errors import ConfigError, InputError, ModelError, ServerError
from deepeyes.eval.inspect.agent import deepeyes_agent
from deepeyes.eval.inspect.messages import question_in

Say = Callable[[list[Any], list[Any], GenerateConfig], str | ToolCall]
CROP = "crop = image_1.crop((0, 0, 40, 20))\nprint('looked')\ncrop"


@pytest.fixture
def questions(tmp_path: Path) -> Path:
    """Three questions about two images, with tags and a group."""
    for name, colour in (("red", "red"), ("two words", "blue")):
        Image.new("RGB", (100, 60), colour).save(tmp_path / f"{name}.png")
    rows = [
        {
            "id": "r",
            "image": "red.png",
            "question": "What colour?",
            "answer": "red",
            "tags": ["see"],
            "group": "g",
        },
        {
            "id": "b",
            "image": "two words.png",
            "question": "Which färbung?",
            "answer": "blue",
            "tags": ["see", "say"],
        },
        {
            "id": "2",
            "image": ["red.png", "two words.png"],
            "question": "Sum of 1 and 1?",
            "answer": "2",
            "group": "g",
        },
    ]
    file = tmp_path / "mine.jsonl"
    file.write_text("".join(f"{json.dumps(row)}\n" for row in rows), "utf-8")
    return file


def scripted(tmp_path: Path, *replies: str) -> str:
    file = tmp_path / "script.json"
    file.write_text(json.dumps(list(replies)), "utf-8")
    return f"deepeyes/scripted:{file}"


def code(text: str) -> str:
    return f"<think>I look.</think><code>\n```python\n{text}\n```\n</code>"


def answer(text: str) -> str:
    return f"<think>I know.</think><answer>{text}</answer>"


def saying(say: Say) -> Model:
    """A provider's model that says what `say` makes of messages, tools and settings."""

    def reply(input: list[Any], tools: list[Any], choice: Any, config: GenerateConfig) -> ModelOutput:
        said = say(input, tools, config)
        calls = [said] if isinstance(said, ToolCall) else None
        message = ChatMessageAssistant(content=said if isinstance(said, str) else "", tool_calls=calls)
        choices = [ChatCompletionChoice(message=message, stop_reason="tool_calls" if calls else "stop")]
        usage = ModelUsage(input_tokens=7, output_tokens=3, total_tokens=10)
        return ModelOutput(model="mock", choices=choices, usage=usage)

    return get_model("mockllm/model", custom_outputs=reply, memoize=False)


def run(tmp_path: Path, task: str, model: str | Model, **options: Any) -> EvalLog:
    [log] = inspect_eval(task, model=model, log_dir=str(tmp_path / "logs"), display="none", **options)
    return read_eval_log(log.location, resolve_attachments=True)


def sample(log: EvalLog, id: str) -> EvalSample:
    [found] = [one for one in log.samples or [] if str(one.id).endswith(id)]
    return found


def values(log: EvalLog) -> dict[str, Any]:
    return {str(one.id): (one.scores or {})["verdict"].value for one in log.samples or []}


def numbers(log: EvalLog) -> dict[str, float]:
    assert log.results
    return {key: metric.value for score in log.results.scores for key, metric in score.metrics.items()}


def infos(one: EvalSample) -> list[Any]:
    return [event.data for event in one.events if event.event == "info"]


def spans(one: EvalSample) -> list[tuple[str | None, str]]:
    return [(event.type, event.name) for event in one.events if event.event == "span_begin"]


def test_our_model_is_a_whole_episode_and_its_steps_stand_in_the_log(tmp_path: Path, questions: Path) -> None:
    model = scripted(tmp_path, code(CROP), answer("red"))
    log = run(tmp_path, "deepeyes/questions", model, task_args={"source": str(questions)})
    assert log.status == "success"
    one = sample(log, "r")
    assert one.output.completion == "red" and one.output.stop_reason == "stop"
    assert one.output.metadata and one.output.metadata["tool_calls"] == 1
    assert ("tool", "python") in spans(one)
    thought, step, _ = infos(one)
    assert thought == {"thought": "I look."}
    assert "print('looked')" in step and "looked\n" in step and "![40 x 20 pixels](data:image/png" in step
    assert sorted(values(log).values()) == ["C", "N", "N"]
    told = numbers(log)
    assert told["accuracy_n"] == 3 and told["tag_see"] == 0.5 and told["tag_say_n"] == 1
    assert 0 < told["accuracy_low"] < told["accuracy"] < told["accuracy_high"] <= 1


def test_our_agent_works_over_a_model_of_inspects(tmp_path: Path, questions: Path) -> None:
    heard: list[Any] = []

    def say(messages: list[Any], tools: list[Any], config: GenerateConfig) -> str | ToolCall:
        heard.append((messages, tools, config))
        if any(message.role == "tool" for message in messages):
            return "<answer>red</answer>"
        return ToolCall(id="c1", function="python", arguments={"code": CROP})

    log = run(
        tmp_path,
        "deepeyes/questions",
        saying(say),
        task_args={"source": str(questions)},
        solver=deepeyes_agent(),
    )
    assert log.status == "success"
    one = sample(log, "r")
    assert (one.scores or {})["verdict"].value == "C"
    assert ("tool", "python") in spans(one)
    assert any("![40 x 20 pixels](data:image/png" in str(data) for data in infos(one))
    roles = [message.role for message in one.messages]
    assert roles[:4] == ["system", "user", "assistant", "tool"] and roles[-1] == "assistant"
    shown = [part.type for message in one.messages for part in message.content_list]
    assert shown.count("image") == 2  # the question's, and the crop
    assert one.messages[2].tool_calls[0].arguments == {"code": CROP}
    assert one.output.usage and (one.output.usage.input_tokens, one.output.usage.output_tokens) == (14, 6)
    _, tools, config = heard[0]
    assert [tool.name for tool in tools] == ["python"] and "code" in tools[0].parameters.properties
    assert config.max_tokens and config.temperature is None


def test_a_dialect_in_tags_gets_its_stop_string_back(tmp_path: Path, questions: Path) -> None:
    def say(messages: list[Any], tools: list[Any], config: GenerateConfig) -> str:
        assert not tools and config.stop_seqs and "</answer>" in config.stop_seqs
        return "<think>so</think><answer>red"

    agent = deepeyes_agent(dialect="deepeyes_v2", tools=False)
    log = run(tmp_path, "deepeyes/questions", saying(say), task_args={"source": str(questions)}, solver=agent)
    assert sample(log, "r").output.completion == "red"


def test_a_plain_model_answers_by_generate_and_sees_the_whole_image(tmp_path: Path, questions: Path) -> None:
    def say(messages: list[Any], tools: list[Any], config: GenerateConfig) -> str:
        _, [image, *_] = question_in(messages)
        assert image.size == (100, 60)
        return "The answer is red." if image.getpixel((0, 0)) == (255, 0, 0) else "blue"

    args = {"source": str(questions), "n": 2}
    log = run(tmp_path, "deepeyes/questions", saying(say), task_args=args)
    assert values(log) == {"r": "C", "b": "C"}


def test_our_plain_model_gives_its_bare_reply_and_our_agent_can_drive_it(
    tmp_path: Path, questions: Path
) -> None:
    model = scripted(tmp_path, answer("red"))
    args = {"source": str(questions), "n": 1}
    log = run(tmp_path, "deepeyes/questions", model, task_args=args, model_args={"plain": True})
    assert sample(log, "r").output.completion == answer("red")
    agent = deepeyes_agent(dialect="deepeyes_v2", tools=False)
    log = run(tmp_path, "deepeyes/questions", model, task_args=args, model_args={"plain": True}, solver=agent)
    assert sample(log, "r").output.completion == "red"


def test_a_loop_inside_a_loop_is_refused(tmp_path: Path, questions: Path) -> None:
    log = run(
        tmp_path,
        "deepeyes/questions",
        scripted(tmp_path, answer("red")),
        task_args={"source": str(questions), "n": 1},
        solver=deepeyes_agent(tools=False),
    )
    assert log.status == "error" and log.error and "runs the loop by itself" in log.error.message


def test_tools_of_others_are_refused_rather_than_ignored(tmp_path: Path, questions: Path) -> None:
    @solver
    def with_tools() -> Any:
        from inspect_ai.solver import use_tools
        from inspect_ai.tool import think

        async def solve(state: TaskState, go: Any) -> TaskState:
            return await generate()(await use_tools(think())(state, go), go)

        return solve

    model = scripted(tmp_path, answer("red"))
    log = run(
        tmp_path,
        "deepeyes/questions",
        model,
        task_args={"source": str(questions), "n": 1},
        solver=with_tools(),
    )
    assert log.status == "error" and log.error and "tools of its own" in log.error.message


def test_what_failed_because_of_us_is_an_error_and_no_zero(tmp_path: Path, questions: Path) -> None:
    def say(messages: list[Any], tools: list[Any], config: GenerateConfig) -> str:
        if "färbung" in messages[-1].text:
            raise ServerError("the server is down", "start it")
        return "<answer>red</answer>"

    agent = deepeyes_agent(tools=False, limit=["retries=0"])
    args = {"source": str(questions)}
    log = run(tmp_path, "deepeyes/questions", saying(say), task_args=args, solver=agent, fail_on_error=False)
    failed = sample(log, "b")
    assert failed.error and "the server is down" in failed.error.message and not failed.scores
    assert numbers(log)["accuracy_n"] == 2


def test_a_failed_sample_of_our_model_runs_again_by_eval_retry(tmp_path: Path, questions: Path) -> None:
    """The task and its settings are made again from the log."""
    model = scripted(tmp_path, code(CROP), answer("red"))
    args = {"source": str(questions)}
    model_args = {"search": "nowhere.sqlite"}  # cannot be opened
    log = run(
        tmp_path, "deepeyes/questions", model, task_args=args, model_args=model_args, fail_on_error=False
    )
    assert log.samples and all(one.error for one in log.samples)
    log.eval.model_args = {}
    [again] = eval_retry(log, log_dir=str(tmp_path / "logs"), display="none")
    assert again.status == "success" and len(again.samples or []) == 3
    assert again.eval.task == "deepeyes/questions" and again.eval.task_args["source"] == str(questions)


def test_where_nobody_can_tell_the_value_is_no_answer_and_a_judge_of_inspects_decides(
    tmp_path: Path, questions: Path
) -> None:
    unsure = "it might be something close to crimson, or so one could say"
    row = {
        "id": "u",
        "image": "red.png",
        "question": "What hue is it?",
        "answer": "a deep saturated scarlet tone",
    }
    file = questions.with_name("open.jsonl")
    file.write_text(json.dumps(row), "utf-8")
    model = scripted(tmp_path, answer(unsure))
    log = run(tmp_path, "deepeyes/questions", model, task_args={"source": str(file)})
    assert values(log) == {"u": "N"}
    told = numbers(log)
    assert told["unsure"] == 1 and told["accuracy_high"] == 1.0

    def judge(messages: list[Any], tools: list[Any], config: GenerateConfig) -> str:
        return "The two say the same.\nRIGHT"

    log = run(
        tmp_path,
        "deepeyes/questions",
        model,
        task_args={"source": str(file)},
        model_roles={"grader": saying(judge)},
    )
    assert values(log) == {"u": "C"}
    kept = (sample(log, "u").scores or {})["verdict"].metadata
    assert kept and kept["verdict"]["by"] == "judge"

    def broken(messages: list[Any], tools: list[Any], config: GenerateConfig) -> str:
        raise ServerError("the judge is down", "start it")

    log = run(
        tmp_path,
        "deepeyes/questions",
        model,
        task_args={"source": str(file)},
        model_roles={"grader": saying(broken)},
        fail_on_error=False,
    )
    failed = sample(log, "u")
    assert failed.error and "the judge is down" in failed.error.message and not failed.scores


def test_an_episode_without_an_answer_is_wrong_and_says_how_it_ended(tmp_path: Path, questions: Path) -> None:
    model = scripted(tmp_path, "no action", "none either", "nor here")
    log = run(tmp_path, "deepeyes/questions", model, task_args={"source": str(questions), "n": 1})
    one = sample(log, "r")
    assert one.output.metadata and one.output.metadata["stop_reason"] == "malformed"
    assert values(log) == {"r": "I"} and any("malformed" in str(data) for data in infos(one))


def test_epochs_hear_another_seed_each_and_are_one_group(tmp_path: Path, questions: Path) -> None:
    model = scripted(tmp_path, answer("red"))
    log = run(tmp_path, "deepeyes/questions", model, task_args={"source": str(questions), "n": 2}, epochs=4)
    told = numbers(log)
    assert told["accuracy_n"] == 8 and told["accuracy"] == 0.5
    assert told["accuracy_high"] - told["accuracy_low"] > 0.7  # two questions, not eight


def test_every_benchmark_is_a_task_and_the_generic_one_takes_any(tmp_path: Path, questions: Path) -> None:
    from deepeyes.eval.inspect.tasks import TASKS
    from deepeyes.eval.registry import BENCHMARKS

    assert TASKS.keys() == BENCHMARKS.keys()
    args = {"name": "questions", "source": str(questions), "n": 1}
    log = run(tmp_path, "deepeyes/benchmark", scripted(tmp_path, answer("red")), task_args=args)
    assert values(log) == {"r": "C"}


def test_a_model_that_cannot_be_is_refused_before_anything_is_asked(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no file or folder"):
        get_model(f"deepeyes/scripted:{tmp_path / 'none.txt'}", memoize=False)
    with pytest.raises(ConfigError, match="thinking"):
        get_model(scripted(tmp_path, answer("x")), thinking=True, memoize=False)


def refused() -> Sequence[Any]:
    started = [ChatMessageUser(content="q"), ChatMessageAssistant(content="a"), ChatMessageUser(content="r")]
    sound = [ChatMessageUser(content=[ContentAudio(audio="data:audio/wav;base64,AA", format="wav")])]
    return [started, sound]


@pytest.mark.parametrize("messages", refused())
def test_what_has_no_counterpart_is_refused(messages: Any) -> None:
    with pytest.raises(InputError):
        question_in(messages)
