"""What the tests of plans and reports share: questions without images, and episodes that are made up."""

from collections.abc import Iterator

from PIL import Image

from deepeyes.core.images import ImageStore, VisionSpec
from deepeyes.core.limits import StopReason
from deepeyes.core.messages import ImagePart
from deepeyes.core.task import Task
from deepeyes.core.trace import Observation, Trace, Turn
from deepeyes.core.verdict import Verdict
from deepeyes.eval.plan import EvalPlan


class SumsPlan(EvalPlan):
    """How much is 0 + 1, 1 + 1, ...; `most` is a setting of its own."""

    most: int = 100

    def tasks(self, images: ImageStore) -> Iterator[Task]:
        for number in range(min(self.n, self.most)):
            yield Task(id=f"sum-{number}", question=f"How much is {number} + 1?", answer=str(number + 1))


def episode(
    number: int,
    score: float | None = None,
    *,
    family: str = "",
    stop: StopReason = StopReason.answered,
    seconds: float = 1.0,
    called: bool = False,
) -> Trace:
    """An episode of a family that ended with `stop`, graded unless `score` is None."""
    turns = (Turn(observation=Observation(tool="python")),) if called else ()
    return Trace(
        id=f"t{number}#0",
        task=Task(id=f"t{number}", question="What?", family=family),
        stop_reason=stop,
        verdict=None if score is None else Verdict(score=score),
        seconds=seconds,
        turns=turns,
    )


def look(
    number: int,
    images: ImageStore,
    full: Image.Image,
    returned: list[Image.Image],
    box: tuple[int, int, int, int] | None,
) -> Trace:
    """An answered episode whose code returned these images of `full`, and which asks about `box` in it."""
    parts = tuple(
        ImagePart.of(f"image_{place}", image, images.put(image), VisionSpec())
        for place, image in enumerate(returned, 2)
    )
    trace = episode(number, 1.0, called=True)
    truth = {} if box is None else {"box": list(box)}
    task = trace.task.model_copy(update={"images": (images.put(full),), "truth": truth})
    turns = (Turn(observation=Observation(tool="python", images=parts)),)
    return trace.model_copy(update={"task": task, "turns": turns})
