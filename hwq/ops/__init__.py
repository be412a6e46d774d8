"""The integer operations, one a file; importing this package registers all of them."""

from hwq.ops.add import Add
from hwq.ops.argmax import ArgMax
from hwq.ops.avgpool import AvgPool
from hwq.ops.coding import Codebook, Coding, PowerSums
from hwq.ops.concat import Concat
from hwq.ops.const import Const
from hwq.ops.conv import Conv
from hwq.ops.dense import Dense
from hwq.ops.depthwise import Depthwise
from hwq.ops.extremum import Extremum
from hwq.ops.linear import Linear
from hwq.ops.maxpool import MaxPool
from hwq.ops.mul import Mul
from hwq.ops.pad import Pad
from hwq.ops.prelu import PRelu
from hwq.ops.rescale import Rescale
from hwq.ops.table import Table
from hwq.ops.topk import TopK

__all__ = [
    "Add", "ArgMax", "AvgPool", "Codebook", "Coding", "Concat", "Const", "Conv", "Dense", "Depthwise", "Extremum",
    "Linear", "MaxPool", "Mul", "PRelu", "Pad", "PowerSums", "Rescale", "Table", "TopK",
]  # fmt: skip
