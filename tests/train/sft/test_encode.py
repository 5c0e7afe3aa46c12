"""Conversations in tokens: masks as made by hand, cuts after whole replies, what cannot be used left out."""

from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("trl")
pytest.importorskip("peft")

from nano_fixtures import SIZE
from train.sft.exports import by_hand, conversation, images_of, said

from deepeyes.models.nano.pixels import to_view
from deepeyes.models.transformers import turn_end
from deepeyes.train.nano.batch import ChatMessage, encode
from deepeyes.train.sft.encode import IGNORE, ConversationEncoder, UnusableConversation


@pytest.mark.parametrize("masked", [(), (0,), (1,)])
def test_tokens_and_masks_are_those_made_by_hand(
    encoder: ConversationEncoder, masked: tuple[int, ...]
) -> None:
    sizes = [image.size for image in images_of(3)]
    made = encoder.encode(conversation(3), sizes, masked, max_tokens=4096)
    hand = by_hand(encoder, 3, masked)
    assert [*made.input_ids, *encoder.processor.tokenizer(encoder.owed).input_ids] == hand[
        "input_ids"
    ].tolist()
    assert [*made.labels, IGNORE] == hand["labels"].tolist()
    learned = encoder.processor.tokenizer.decode([label for label in made.labels if label != IGNORE])
    replies = [conversation(3)[2], conversation(3)[4]]
    assert learned == "".join(
        reply["content"][0]["text"] + "<|im_end|>" for k, reply in enumerate(replies) if k not in masked
    )


def test_a_conversation_in_the_native_dialect_is_what_the_model_is_asked(
    encoder: ConversationEncoder,
) -> None:
    """Tools answer in the user's place, and what the model calls is learned."""
    call = '<tool_call>\n{"name": "python", "arguments": {"code": "show(image_1)"}}\n</tool_call>'
    talk = [
        said("system", "Tools: python"),
        said("user", None, "what does the sign say?"),
        said("assistant", call),
        said("tool", "ok\n", None, None),
        said("assistant", "red"),
    ]
    images = images_of(2)
    views = iter([to_view(image, SIZE) for image in images])
    messages = [
        ChatMessage(
            "user" if message["role"] == "tool" else message["role"],
            tuple(next(views) if part["type"] == "image" else part["text"] for part in message["content"]),
        )
        for message in talk
    ]
    made = encoder.encode(talk, [image.size for image in images], max_tokens=4096)
    hand = encode(encoder.processor.tokenizer, messages)
    assert made.input_ids == hand["input_ids"].tolist()[:-1] and made.labels == hand["labels"].tolist()[:-1]
    learned = encoder.processor.tokenizer.decode([label for label in made.labels if label != IGNORE])
    assert learned == f"{call}<|im_end|>red<|im_end|>" and made.pictures == 3


def test_what_ends_a_turn_is_what_the_template_writes(encoder: ConversationEncoder) -> None:
    assert (encoder.ended, encoder.owed) == ("<|im_end|>", "\n")
    assert turn_end(encoder.processor) == "<|im_end|>\n"


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (3, "pictures do not match their places"),
        (2, "a picture in a reply"),
        (1, "no reply to learn from"),
        (0, "it does not begin with a question"),
    ],
)
def test_what_cannot_be_learned_from_says_why(encoder: ConversationEncoder, number: int, reason: str) -> None:
    talk = {
        3: conversation(1)[:3],
        2: [said("user", "a"), said("assistant", None)],
        1: [said("user", "a", None)],
        0: [said("system", "a", None), said("assistant", "b")],
    }[number]
    sizes = [(60, 60)] * (2 if number == 3 else 1)
    with pytest.raises(UnusableConversation, match=reason):
        encoder.encode(talk, sizes, max_tokens=4096)


def test_a_long_conversation_is_cut_after_a_whole_reply(encoder: ConversationEncoder) -> None:
    sizes = [image.size for image in images_of(1)]
    whole = encoder.encode(conversation(1), sizes, max_tokens=4096)
    limit = len(whole.input_ids) - 1
    with pytest.raises(UnusableConversation, match="too long"):
        encoder.encode(conversation(1), sizes, max_tokens=limit)
    cut = encoder.encode(conversation(1), sizes, max_tokens=limit, cut=True)
    assert cut.input_ids == whole.input_ids[: len(cut.input_ids)]
    assert cut.pictures == 1 and cut.labels[-1] != IGNORE


@pytest.mark.parametrize(
    "messages",
    [[5], [{"role": "user"}], [{"role": "user", "content": ["text"]}], [said("user") | {"role": []}]],
)
def test_rows_of_another_shape_are_left_out(encoder: ConversationEncoder, messages: Any) -> None:
    with pytest.raises(UnusableConversation):
        encoder.encode(messages, [], max_tokens=99)
