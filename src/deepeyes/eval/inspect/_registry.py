"""What Inspect finds under `deepeyes/`: it imports this module, and importing it registers all."""

from deepeyes.eval.inspect.agent import deepeyes_agent
from deepeyes.eval.inspect.model import DeepEyesModel
from deepeyes.eval.inspect.scores import accuracy, by_label, verdict
from deepeyes.eval.inspect.tasks import TASKS, benchmark

__all__ = ["TASKS", "DeepEyesModel", "accuracy", "benchmark", "by_label", "deepeyes_agent", "verdict"]
