"""Tool steps as text for Inspect's log; needs no `inspect_ai`."""

import base64
import io
import re

from PIL import Image

from deepeyes.core.results import Hit, Page, ToolResult
from deepeyes.eval.inspect.steps import data_url, step_text


def test_code_output_and_images_are_there_and_images_are_whole() -> None:
    result = ToolResult(stdout="(20, 10)\n", images=(Image.new("RGB", (20, 10), "red"),), seconds=0.5)
    text = step_text({"code": "image_1"}, result)
    assert "```python\nimage_1\n```" in text and "(20, 10)" in text and "ok, 0.50 s" in text
    found = re.search(r"!\[20 x 10 pixels\]\(data:image/png;base64,([^)]+)\)", text)
    assert found
    image = Image.open(io.BytesIO(base64.b64decode(found[1])))
    assert image.size == (20, 10) and image.getpixel((0, 0)) == (255, 0, 0)


def test_what_a_model_or_a_tool_wrote_cannot_close_its_fence() -> None:
    hostile = "```\n<script>alert(1)</script>\n````\n# heading"
    text = step_text({"code": hostile}, ToolResult(stdout=hostile, stderr=hostile))
    fences = re.findall(r"^(`{5,})(?:python|text)$", text, re.MULTILINE)
    assert fences == ["`````"] * 3 and text.count(hostile) == 3


def test_searches_pages_and_other_arguments_are_told() -> None:
    hit = Hit(title="Peak", url="http://a.example", snippet="is high", image=Image.new("RGB", (2000, 1000)))
    text = step_text({"query": "höchster Gipfel"}, ToolResult(hits=(hit,), query="q"))
    assert "höchster Gipfel" in text and "Peak" in text and "is high" in text and "2000 x 1000" in text
    assert "nothing was found" in step_text({"query": "x"}, ToolResult(hits=()))
    page = ToolResult(page=Page(url="http://b.example", text="long " * 10_000))
    told = step_text({"url": "http://b.example"}, page)
    assert "characters cut" in told and len(told) < 25_000


def test_an_image_of_any_mode_becomes_a_png() -> None:
    assert data_url(Image.new("RGBA", (2, 2))).startswith("data:image/png;base64,")
