"""Training for hwq in PyTorch: what the prepared network computes is what the hardware computes, bit for bit.

docs/training.md describes the flow.  Needs the extra ``hwq[torch]``.
"""

import importlib.util

from hwq.errors import ToolMissing

if importlib.util.find_spec("torch") is None:
    raise ToolMissing("torch (training): not found. Run `pip install hwq[torch]`.")

from hwq.torch.calibrate import calibrate
from hwq.torch.config import Method, TrainConfig
from hwq.torch.convert import convert, export_onnx
from hwq.torch.network import Network
from hwq.torch.optimise import parameter_groups
from hwq.torch.prepare import prepare

__all__ = [
    "Method", "Network", "TrainConfig", "calibrate", "convert", "export_onnx", "parameter_groups", "prepare",
]  # fmt: skip
