"""Lets the CUDA build of torchvision be imported beside the CPU build of torch.

vLLM and Transformers want torchvision to resize and normalise pictures, which it does in plain torch; but on
import it registers fake kernels for two operators of a library that cannot be loaded here. This declares the
two just before torchvision is first imported (they stay unusable). It lives in site-packages, started by a
`.pth` file, so that every process a server spawns has it: docs/serving.md has the commands.
"""

import sys
from importlib.abc import MetaPathFinder

_kept = []  # declarations last as long as their library object


class _BeforeTorchvision(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name == "torchvision":
            sys.meta_path.remove(self)
            import torch

            library = torch.library.Library("torchvision", "FRAGMENT")
            for operator in ("nms", "qnms"):
                library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
            _kept.append(library)


sys.meta_path.insert(0, _BeforeTorchvision())
