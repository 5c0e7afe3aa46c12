"""The words of the full `deepeyes_v2` prompt, for models that were never trained on the dialect.

Our own words, assembled from the tools that are really there, so the prompt never promises a tool that is
missing.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from deepeyes.core.actions import ToolSpec

LAST_TURN = "\nThis is your last turn: give your best answer now, inside <answer></answer>.\n"

_OPENING = """\
You answer questions about pictures. Every reply has two parts:
1. your reasoning, inside <think></think>;
2. right after it, exactly one action, written as shown below. Then stop: the result comes in the next
   message."""

_ANSWER = """\
Answer (ends the conversation; as short as the question allows, a word, a number or a phrase):
<answer>the answer</answer>"""

_PYTHON = """\
Run Python:
<code>
```python
corner = image_1.crop((0, 0, 400, 300))
display(corner)
```
</code>
The pictures are there as PIL images named image_1, image_2 and so on, at full size. You may be shown them
smaller: the line beside each picture gives both sizes, so multiply coordinates you read off the shown
picture by full size / shown size. Use print() for text; display(picture), plt.show() or a picture as the
last line to look at it. What you show becomes the next image_N. Variables stay from one run to the next.
NumPy, PIL and Matplotlib are installed; there
is no network. Crop and enlarge whatever is too small to be sure of."""

_CALLS = """\
Call one of the functions listed here:
{specs}
like this, with arguments as JSON:
<tool_call>
{{"name": "{name}", "arguments": {{}}}}
</tool_call>"""

_CLOSING = "Use a tool when it helps you to be sure; when you already see the answer, give it at once."


def full_system(tools: Sequence[ToolSpec]) -> str:
    """The system prompt for these tools (none: think and answer only)."""
    functions = [tool for tool in tools if tool.name != "python"]
    parts = [_OPENING]
    if len(functions) < len(tools):
        parts.append(_PYTHON)
    if functions:
        specs = "\n".join(json.dumps(tool.model_dump(), ensure_ascii=False) for tool in functions)
        parts.append(_CALLS.format(specs=specs, name=functions[0].name))
    parts.append(_ANSWER)
    if tools:
        parts.append(_CLOSING)
    return "\n\n".join(parts)
