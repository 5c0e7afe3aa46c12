"""Other tools ask the Python tool for a picture by the name the model used."""

from PIL import Image
from tools.fake_sandbox import FakeSandbox, FakeSession

from deepeyes.core.actions import ToolCall
from deepeyes.core.errors import InputError
from deepeyes.tools.base import Episode, ToolSet
from deepeyes.tools.python import PythonTool


class Session(FakeSession):
    async def get_image(self, name: str) -> Image.Image | None:
        found = self.names.get(name)
        return found if isinstance(found, Image.Image) else None


class Sandbox(FakeSandbox):
    async def open(self, images, *, seed):  # type: ignore[no-untyped-def]
        self.sessions.append(Session(self, images, seed))
        return self.sessions[-1]


def code(text: str) -> ToolCall:
    return ToolCall(name="python", arguments={"code": text})


async def test_a_picture_of_the_conversation_or_of_the_running_session():
    tool = PythonTool(Sandbox())
    episode = Episode(images={"image_1": Image.new("RGB", (8, 6))})
    assert await tool.image_named("image_1", episode) is episode.images["image_1"]
    assert await tool.image_named("crop", episode) is None
    await ToolSet([tool]).run(code("crop = image_1.crop((0, 0, 2, 1))\nn = 1"), episode)
    crop = await tool.image_named("crop", episode)
    assert crop is not None and crop.size == (2, 1)
    assert await tool.image_named("n", episode) is None and await tool.image_named("missing", episode) is None


async def test_a_session_that_refuses_to_show_a_picture_has_none():
    tool, episode = PythonTool(sandbox := Sandbox()), Episode()
    await ToolSet([tool]).run(code("crop = Image.new('RGB', (2, 1))"), episode)

    async def refusing(name: str) -> Image.Image | None:
        raise InputError("the session refused (MemoryError)", "check the name, format and size of the file")

    sandbox.sessions[0].get_image = refusing  # type: ignore[method-assign]
    assert await tool.image_named("crop", episode) is None


async def test_asking_starts_no_session():
    sandbox, episode = Sandbox(), Episode()
    tool = PythonTool(sandbox)
    assert await tool.image_named("crop", episode) is None
    assert sandbox.sessions == [] and episode.sessions == {}
