"""What a recipe runs on the model that came out: a command, usually `deepeyes eval`.

What always holds: what the command printed is kept whole in `evaluation.txt`, or, where it failed, not at
all.
"""

import subprocess
import sys
from pathlib import Path

from deepeyes.core.config import Config
from deepeyes.core.errors import ConfigError, DeepEyesError, boundary
from deepeyes.core.files import write_atomic

EVALUATED = "evaluation.txt"


class EvaluationConfig(Config):
    """What is run when training is done."""

    command: tuple[str, ...] = ()
    """A program and its arguments; `{model}` stands for the model, `{out}` for the run's folder."""

    def words(self, model: str, out: str) -> list[str]:
        """The command with both filled in."""
        return [word.format(model=model, out=out) for word in self.command]

    def check(self) -> None:
        """Raises `ConfigError` for a command that cannot be filled in."""
        try:
            self.words("MODEL", "OUT")
        except (KeyError, IndexError, ValueError, AttributeError) as error:
            raise ConfigError(
                f"evaluation.command cannot be filled in ({error})",
                "name {model} and {out} alone, and write other braces twice",
            ) from error


def run_evaluation(plan: EvaluationConfig, model: str, out: Path) -> str:
    """Run the command on `model`; what it printed, also in `evaluation.txt` in `out`.

    Raises:
        ConfigError: the command cannot be run.
        DeepEyesError: it failed.
    """
    command = plan.words(model, str(out))
    if command[0] == "deepeyes":
        command[:1] = [sys.executable, "-m", "deepeyes"]
    unrunnable = (OSError, ValueError)  # a zero byte in a word is the latter
    with boundary(ConfigError, f"running {command[0]}", "correct evaluation.command", expected=unrunnable):
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise DeepEyesError(
            f"evaluation.command ended with exit code {done.returncode}",
            f"see above; the model in {out} is whole",
        )
    write_atomic(out / EVALUATED, done.stdout.encode())
    return done.stdout
