"""What comes back from a chat-completions server as pure functions: JSON and events to a Completion.

What always holds: whatever a server sends, reading it gives a Completion or raises `Unreadable` or
`ServerSaid`; no other exception leaves this file. A reply is empty only if the model wrote nothing: one that
holds what nobody here can read, or lacks the call that it announces, is `Unreadable`. A thought that comes
apart from the words is put in front of them with its tags made inert, so nothing that it quotes ends or
begins anything. Servers cut the stop string off; it is put back unless the reply was cut, so a reply looks
the same whoever generated it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

from deepeyes.core.actions import RawToolCall
from deepeyes.core.text import tidy
from deepeyes.core.trace import Usage
from deepeyes.dialects.deepeyes_v2_parse import ENDS
from deepeyes.dialects.neutralise import neutralise
from deepeyes.models.base import Completion
from deepeyes.models.openai_refusal import check_error, mapping

_ENDS = {
    "length": "length max_tokens max_new_tokens max_output_tokens max_completion_tokens max_length"
    " model_length token_limit incomplete truncated",
    "content_filter": "content_filter content_filtered safety refusal recitation blocklist prohibited_content"
    " spii image_safety guardrail_intervened sensitive",
    "tool_calls": "tool_calls tool_call function_call tool_use",
    "failed": "abort aborted cancel cancelled canceled error network_error insufficient_system_resource",
}
_END_OF = {name: end for end, names in _ENDS.items() for name in names.split()}
"""What servers call the end of a reply, by what it means. With every other name it ended by itself."""


_BEGINS = tuple(end.replace("/", "", 1) for end in ENDS)
_THOUGHTS = ("thinking", "reasoning", "thought", "reasoning_content")
_ELSEWHERE = ("audio", "images", "output", "output_text", "response", "text")
"""Fields of a message that hold a reply in another form than words in `content`."""
_MARKS = 8
"""Tokens that are no words, such as the mark that ends a reply: so many of them may come alone."""


class Unreadable(Exception):
    """The server's answer is not a chat completion."""


def read_completion(data: Any, stop: Sequence[str] = ()) -> Completion:
    """A whole (not streamed) answer."""
    fields = mapping(data)
    choice = _first_choice(fields)
    if not isinstance(choice.get("message"), dict):
        raise Unreadable("a choice without a message")
    reply = Accumulator()
    reply.add_message(mapping(choice.get("message")))
    reply.add_end(choice)
    reply.add_logprobs(choice.get("logprobs"))
    reply.usage = _usage(fields.get("usage"))
    return reply.completion(stop)


def finished(completion: Completion, stopped_by: object, stop: Sequence[str]) -> Completion:
    """The reply cut where its first stop string ends, or with the one that the server cut off put back.

    A server may have stop strings that nobody sent, so a reply in tags gets its closing tag in any case. What
    stands in the thought that opens a reply does not count. Log-probabilities of a reply that is cut are
    dropped: which of them belong to what is left is not known.
    """
    text = completion.text
    begin = _after_thought(text, stop)
    ends = [place + len(mark) for mark in stop if (place := text.find(mark, begin)) >= 0]
    if ends:
        logprobs = completion.logprobs if min(ends) == len(text) else None
        return replace(completion, text=text[: min(ends)], finish_reason="stop", logprobs=logprobs)
    behind = text[_after_thought(text, ENDS) :].lstrip()
    if behind.startswith(_BEGINS):
        stop = (*stop, *ENDS)
    if isinstance(stopped_by, str) and stopped_by in stop:
        return replace(completion, text=text + stopped_by, finish_reason="stop")
    if completion.finish_reason not in ("length", "content_filter"):
        opened = [
            (place, mark)
            for mark in stop
            if (place := text.rfind(mark.replace("</", "<", 1), begin)) >= 0 and mark not in text[place:]
        ]
        if opened:
            mark = max(opened)[1]
            sent = next((n for n in range(len(mark) - 1, 1, -1) if text.endswith(mark[:n])), 0)
            return replace(completion, text=text + mark[sent:])
    return completion


def _after_thought(text: str, stop: Sequence[str]) -> int:
    """Where the words begin behind a thought that the reply opens with; 0 if it opens with none."""
    opened, closed = text.find("<think>"), text.find("</think>")
    if closed < 0 or opened > closed:
        return 0
    before, behind = text[: max(opened, 0)], closed + len("</think>")
    if any(mark in before for mark in stop):
        return 0
    return behind if opened >= 0 or any(mark.replace("</", "<", 1) in text[behind:] for mark in stop) else 0


@dataclass
class Accumulator:
    """A reply that comes in pieces."""

    text: str = ""
    thought: str = ""
    """What servers with a reasoning parser send apart from the text."""
    end: str = ""
    """Why the reply ended, in the words of `Completion.finish_reason`; empty while it goes on."""
    stopped_by: object = None
    usage: Usage = Usage()
    calls: list[RawToolCall] = field(default_factory=list[RawToolCall])
    logprobs: list[float] = field(default_factory=list[float])
    spoken: bool = False
    """Whether the server sent words for the reply, were they empty ones."""
    unread: list[str] = field(default_factory=list[str])
    """What came in place of words, by its kind."""
    _places: dict[int, int] = field(default_factory=dict[int, int])
    """A streamed call's index to its place in `calls`."""

    def add_event(self, event: Any) -> str:
        """Take one event of a stream; returns the new text."""
        fields = mapping(event)
        if fields.get("usage"):
            self.usage = _usage(fields["usage"])
        if not fields.get("choices"):
            check_error(fields)
            return ""
        choice = _first_choice(fields)
        before = len(self.text)
        delta = mapping(choice.get("delta")) or mapping(choice.get("message"))
        self._add_words(delta)
        for number, piece in enumerate(_list(delta.get("tool_calls"))):
            self._add_piece(mapping(piece), number)
        if legacy := mapping(delta.get("function_call")):
            self._add_piece({"function": legacy}, 0)
        self.add_logprobs(choice.get("logprobs"))
        self.add_end(choice)
        return self.text[before:]

    def add_message(self, message: Mapping[str, Any]) -> None:
        """Take a whole message."""
        self._add_words(message)
        calls = [mapping(call) for call in _list(message.get("tool_calls"))]
        legacy = mapping(message.get("function_call"))
        self.calls += [_call(call) for call in (calls or ([{"function": legacy}] if legacy else []))]

    def add_end(self, choice: Mapping[str, Any]) -> None:
        self.end = _end(choice.get("finish_reason")) or self.end
        self.stopped_by = stopped_by(choice) or self.stopped_by

    def add_logprobs(self, logprobs: Any) -> None:
        for token in _list(mapping(logprobs).get("content")):
            value = mapping(token).get("logprob")
            if isinstance(value, int | float):
                self.logprobs.append(float(value))

    def completion(self, stop: Sequence[str] = ()) -> Completion:
        """The whole reply. Raises `Unreadable` if there was one and nothing of it came."""
        if not (self.text or self.thought or self.calls) and (lost := self._lost()):
            raise Unreadable(lost)
        said = Completion(
            text=self.text,
            finish_reason=self.end or "stop",
            logprobs=tuple(self.logprobs) or None,
            usage=self.usage,
            tool_calls=tuple(replace_arguments(call) for call in self.calls),
        )
        said = finished(said, self.stopped_by, stop)
        thought = neutralise(self.thought)
        return replace(said, text=f"<think>{thought}</think>\n{said.text}") if thought else said

    def _lost(self) -> str:
        """What there was of a reply of which nothing was read; empty if the model wrote nothing."""
        if self.unread:
            return f"a reply of which nothing can be read ({', '.join(self.unread[:3])})"
        if self.end == "tool_calls":
            return "a reply without the call that it announces"
        if self.end == "stop" and not self.spoken and self.usage.completion_tokens > _MARKS:
            return f"nothing of a reply of {self.usage.completion_tokens} tokens"
        return ""

    def _add_words(self, message: Mapping[str, Any]) -> None:
        text, thought = _words(message.get("content"))
        self.spoken |= isinstance(message.get("content"), str)
        self.unread += [*_unread(message.get("content")), *(name for name in _ELSEWHERE if message.get(name))]
        self.text += text or _string(message.get("refusal"))
        apart = _string(message.get("reasoning_content")) or _string(message.get("reasoning"))
        self.thought += thought or apart or _string(message.get("thinking"))

    def _add_piece(self, piece: Mapping[str, Any], number: int) -> None:
        """A piece of a call: a further one under its index, or a new call, which some servers put under an
        index that is taken.
        """
        index = piece.get("index", number)
        index = index if isinstance(index, int) else number
        new = _call(piece)
        place = self._places.get(index)
        known = None if place is None else self.calls[place]
        if known is None or place is None or _is_another(known, new):
            self._places[index] = len(self.calls)
            self.calls.append(new)
            return
        name = new.name if new.name.startswith(known.name) else known.name + new.name
        self.calls[place] = RawToolCall(
            id=known.id or new.id, name=name or known.name, arguments=known.arguments + new.arguments
        )


def _is_another(known: RawToolCall, new: RawToolCall) -> bool:
    """Whether a piece begins another call: it has another id, or a name after arguments that are whole."""
    if new.id and known.id and new.id != known.id:
        return True
    whole = bool(known.arguments) and isinstance(json_value(known.arguments), dict)
    return whole and bool(new.name) and bool(new.arguments.strip())


def _call(call: Mapping[str, Any]) -> RawToolCall:
    function = mapping(call.get("function")) or call
    arguments = function.get("arguments")
    text = arguments if isinstance(arguments, str) else "" if arguments is None else json.dumps(arguments)
    return RawToolCall(id=_string(call.get("id")), name=_string(function.get("name")), arguments=text)


def replace_arguments(call: RawToolCall) -> RawToolCall:
    """The call with arguments that were encoded twice encoded once."""
    inner = json_value(call.arguments)
    twice = isinstance(inner, str) and isinstance(json_value(inner), dict)
    return call.model_copy(update={"arguments": inner}) if twice else call


def stopped_by(choice: Mapping[str, Any]) -> object:
    """The stop string that ended a reply, as vLLM or as SGLang tells it; else a token's id or nothing."""
    return choice.get("stop_reason") or choice.get("matched_stop")


def _end(name: Any) -> str:
    """What a server's name for the end of a reply means; empty while it goes on."""
    name = mapping(name).get("type", name)
    if not isinstance(name, str) or not name:
        return ""
    end = _END_OF.get(name.strip().lower(), "stop")
    if end == "failed":
        raise Unreadable(f"a reply that it ended with {tidy(name, 40)!r}")
    return end


def _words(content: Any, depth: int = 4) -> tuple[str, str]:
    """(text, thought) of a message's content: a string, or parts, of which some may be thoughts and some may
    hold parts themselves, `depth` levels of them.
    """
    if isinstance(content, str) or depth == 0:
        return _string(content), ""
    text = thought = ""
    for part in [content] if isinstance(content, dict) else _list(content):
        if isinstance(part, str):
            text += part
            continue
        fields = mapping(part)
        kind = _string(fields.get("type"))
        if kind in _THOUGHTS or fields.get("thought") is True:
            held = [fields.get(key) for key in ("thinking", "reasoning", "summary", "content", "text", kind)]
            thought += next((words for one in held if (words := "".join(_words(one, depth - 1)))), "")
        else:
            text += _string(fields.get("text")) or "".join(_words(fields.get("content"), depth - 1))
    return text, thought


def _unread(content: Any) -> list[str]:
    """The kinds of what a message's content holds in place of words; empty words are words."""
    if content is None or isinstance(content, str):
        return []
    kinds: list[str] = []
    for part in _list(content) if isinstance(content, list) else [content]:
        fields = mapping(part)
        kind = _string(fields.get("type"))
        if isinstance(part, str) or "text" in fields or kind in (*_THOUGHTS, "text") or any(_words([part])):
            continue
        kinds.append(tidy(kind or ", ".join(fields) or type(part).__name__, 40))
    return kinds


def _first_choice(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    choices = _list(fields.get("choices"))
    if not choices or not isinstance(choices[0], dict):
        check_error(fields)
        raise Unreadable("an answer without choices")
    choice = cast("Mapping[str, Any]", choices[0])
    check_error(choice)
    return choice


def _usage(value: Any) -> Usage:
    counts = mapping(value)
    prompt, completion = counts.get("prompt_tokens"), counts.get("completion_tokens")
    return Usage(
        prompt_tokens=prompt if isinstance(prompt, int) else 0,
        completion_tokens=completion if isinstance(completion, int) else 0,
    )


def json_value(text: str) -> Any:
    """The JSON value in `text`; None if it is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _list(value: Any) -> list[Any]:
    return cast("list[Any]", value) if isinstance(value, list) else []


def _string(value: Any) -> str:
    return value if isinstance(value, str) else ""
