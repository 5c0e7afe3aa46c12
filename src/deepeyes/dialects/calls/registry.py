"""The ways of writing calls by name. A new one is a file of its own and a line here."""

from __future__ import annotations

from pkgutil import resolve_name

from deepeyes.dialects.calls.written import Reader, Written

READERS = {
    "qwen_xml": "deepeyes.dialects.calls.qwen_xml:read",
    "glm": "deepeyes.dialects.calls.glm:read",
    "hermes": "deepeyes.dialects.calls.hermes:read",
    "mistral": "deepeyes.dialects.calls.mistral:read",
    "deepseek": "deepeyes.dialects.calls.deepseek:read",
    "llama_json": "deepeyes.dialects.calls.llama_json:read",
}
"""Those whose marks are part of another's come first."""

_LEFT = (
    *("<tool_call", "</tool_call", "<function=", "<parameter=", "[TOOL_CALLS]", "<|python_tag|>", "<｜tool"),
    *("<|tool_call", "<function_call", "<invoke ", "<|channel|>commentary"),
)


def written_calls(text: str, way: str = "") -> Written | None:
    """The calls in `text`, read in the `way` of that name, or in the first that finds its marks; None if
    there are none.
    """
    for name in [way] if way else READERS:
        read: Reader = resolve_name(READERS[name])
        if (found := read(text)) is not None:
            return found
    return None


def holds_marks(text: str) -> bool:
    """Whether `text` holds a mark of a call, so that it is no answer."""
    return any(mark in text for mark in _LEFT)
