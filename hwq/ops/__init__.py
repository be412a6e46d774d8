"""The integer operations, one a file; importing this package registers all of them."""

from hwq.ops.add import Add
from hwq.ops.argmax import ArgMax
from hwq.ops.avgpool import AvgPool
from hwq.ops.coding import Codebook, Coding, PowerSums
from hwq.ops.concat import Concat
from hwq.ops.const import Const
from hwq.ops.conv import Conv
from hwq.ops.convolution import Convolution
from hwq.ops.dense import Dense
from hwq.ops.depthwise import Depthwise
from hwq.ops.extremum import Extremum
from hwq.ops.gather import Gather
from hwq.ops.groupconv import GroupConv
from hwq.ops.gru import Gru
from hwq.ops.linear import Linear
from hwq.ops.lookup import Lookup
from hwq.ops.lstm import Lstm
from hwq.ops.matmul import MatMul
from hwq.ops.maxpool import MaxPool
from hwq.ops.mul import Mul
from hwq.ops.normalise import Normalise
from hwq.ops.pad import Pad
from hwq.ops.prelu import PRelu
from hwq.ops.recurrent import Recurrent
from hwq.ops.rescale import Rescale
from hwq.ops.rnn import Rnn
from hwq.ops.softmax import Softmax
from hwq.ops.table import Table
from hwq.ops.threshold import Threshold
from hwq.ops.topk import TopK

__all__ = [
    "Add", "ArgMax", "AvgPool", "Codebook", "Coding", "Concat", "Const", "Conv", "Convolution", "Dense", "Depthwise",
    "Extremum", "Gather", "GroupConv", "Gru", "Linear", "Lookup", "Lstm", "MatMul", "MaxPool", "Mul", "Normalise",
    "PRelu", "Pad", "PowerSums", "Recurrent", "Rescale", "Rnn", "Softmax", "Table", "Threshold", "TopK",
]  # fmt: skip
