"""Records in the words of TRL and verl: nothing tokenized again, every image along, nothing shortened."""

import inspect
import sys
from dataclasses import dataclass, fields, replace
from types import ModuleType
from typing import Any

import pytest

from deepeyes.core.errors import InputError
from deepeyes.core.images import ImageRef
from deepeyes.core.sampling import Sampling
from deepeyes.train.exchange.trl import Generated, generated, rollout_dict, rollouts
from deepeyes.train.exchange.verl import LoopOutput, for_verl, loop_output
from deepeyes.train.tokens import ImageChunk, Record, TextChunk

PAD = 9


def image(number: int, tokens: int) -> ImageChunk:
    return ImageChunk(ImageRef(sha256=f"{number:064x}", width=56, height=28 * tokens), 56, 28, tokens)


def record(name: str = "a#0") -> Record:
    """Two images that touch in the question, a reply, a tool's image, the answer."""
    chunks = (
        TextChunk((1, 2)),
        image(1, 2),
        image(2, 3),
        TextChunk((3, 4, 5, 6)),
        image(3, 1),
        TextChunk((7, 8)),
    )
    chosen = (0,) * 8 + (1, 1, 0, 0, 1, 1)
    logprobs = tuple(-0.1 * place if bit else 0.0 for place, bit in enumerate(chosen))
    return Record(name, chunks, chosen, logprobs, Sampling(temperature=1.0), (PAD,), 8)


def blind() -> Record:
    return Record("b#0", (TextChunk((1, 2, 3)),), (0, 1, 1), (0.0, -1.0, -2.0), Sampling(), (), 1)


def view(chunk: ImageChunk) -> str:
    return chunk.ref.sha256[-1]


def test_a_record_becomes_the_four_lists_of_a_rollout() -> None:
    four = rollouts([record(), blind()], PAD)
    assert four["prompt_ids"] == [[1, 2, 9, 9, 9, 9, 9, 3], [1]]
    assert four["completion_ids"] == [[4, 5, 6, 9, 7, 8], [2, 3]]
    assert four["env_mask"] == [[1, 1, 0, 0, 1, 1], [1, 1]]
    assert four["logprobs"] == [list(record().logprobs[8:]), [-1.0, -2.0]]
    assert [len(one) for one in four["completion_ids"]] == [len(one) for one in four["logprobs"]]


def test_the_public_rollout_function_cannot_take_images_of_tools() -> None:
    assert rollout_dict([blind()], PAD)["completion_ids"] == [[2, 3]]
    only_question = replace(
        record(), chunks=record().chunks[:4], chosen=record().chosen[:11], logprobs=record().logprobs[:11]
    )
    assert rollout_dict([only_question], PAD)["completion_ids"] == [[4, 5, 6]]
    with pytest.raises(InputError, match=r"a#0 a tool showed an image.*backend"):
        rollout_dict([blind(), record()], PAD)


def test_every_image_is_in_images_and_those_of_tools_in_both() -> None:
    made = generated([record(), blind()], PAD, view, ["said", "more"], {"task": ["x", "y"]})
    assert made.images == [["1", "2", "3"], None] and made.tool_images == [["3"], []]
    assert made.completions[0] == [{"role": "assistant", "content": "said"}]
    assert made.extra_fields == {"task": ["x", "y"]}
    assert generated([blind()], PAD, view, [""]).images is None


def test_the_form_is_that_of_the_installed_library() -> None:
    trl = pytest.importorskip("trl.trainer.grpo_trainer")
    source = inspect.getsource(trl.GRPOTrainer._generate)
    assert f"return {', '.join(Generated._fields)}" in source, "TRL's _generate returns other things now"
    assert '{"prompt_ids", "completion_ids", "logprobs"}' in source and '"env_mask"' in source


VERL_FIELDS = (
    "prompt_ids response_ids response_mask response_logprobs multi_modal_data mm_processor_kwargs "
    "reward_score num_turns metrics extra_fields"
)
"""Of verl 0.9.1's AgentLoopOutput."""


def test_the_fields_are_verls() -> None:
    assert [one.name for one in fields(LoopOutput)] == VERL_FIELDS.split()


def test_a_record_becomes_an_output_of_an_agent_loop() -> None:
    made = loop_output(record(), PAD, view, most=6, reward=0.8, turns=4, extra={"answer": "x"})
    assert made.prompt_ids + made.response_ids == record().ids(PAD)
    assert made.response_mask == list(record().chosen[8:]) and made.reward_score == 0.8
    assert made.response_logprobs == list(record().logprobs[8:])
    assert made.multi_modal_data == {"images": ["1", "2", "3"]} and made.extra_fields == {"answer": "x"}
    assert loop_output(blind(), PAD, view, most=2).multi_modal_data == {}
    pads = sum(token == PAD for token in made.prompt_ids + made.response_ids)
    assert pads == sum(len(one) for one in record().images)


def test_what_verl_would_cut_is_refused() -> None:
    with pytest.raises(InputError, match=r"6 tokens after its prompt, verl takes 5.*max_response_length"):
        loop_output(record(), PAD, view, most=5)


def test_with_verl_installed_the_real_class_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    made = loop_output(record(), PAD, view, most=6, metrics={"tool_calls": 1.5})
    assert for_verl(made) is made, "not installed here"

    @dataclass
    class AgentLoopMetrics:
        generate_sequences: float = 0.0
        tool_calls: float = 0.0

    class AgentLoopOutput:
        def __init__(self, **values: Any) -> None:
            self.values = values

    names = (
        "verl",
        "verl.experimental",
        "verl.experimental.agent_loop",
        "verl.experimental.agent_loop.agent_loop",
    )
    for name in names:
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    module: Any = sys.modules[names[-1]]
    module.AgentLoopMetrics, module.AgentLoopOutput = AgentLoopMetrics, AgentLoopOutput
    monkeypatch.setattr("deepeyes.train.exchange.verl.find_spec", lambda _: object())
    real = for_verl(made)
    assert isinstance(real, AgentLoopOutput) and set(real.values) == set(VERL_FIELDS.split())
    assert real.values["metrics"] == AgentLoopMetrics(0.0, 1.5)
