"""Folding: how many of an operation's multiplications run at once, and the cycles that result.

The formulas are those of docs/hardware.md; simulation must meet them to within 2 %.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from math import gcd

from hwq.hw.recurrent_fold import step_cycles
from hwq.ir.op import Op
from hwq.ir.program import Program
from hwq.ir.types import TensorType
from hwq.ir.window import Window
from hwq.ops import (
    AvgPool,
    Concat,
    Conv,
    Dense,
    Depthwise,
    Gather,
    GroupConv,
    Linear,
    MatMul,
    MaxPool,
    Normalise,
    Recurrent,
    Softmax,
    TopK,
)
from hwq.ops.requantised import Requantised

DIVIDER_START = 13
"""A softmax divides 2^R in R - 14 cycles, one for each bit of the quotient, and takes one more to begin."""


def ceil_div(a: int, b: int) -> int:
    """a / b rounded up."""
    return -(-a // b)


class Feed(Enum):
    """What brings a MAC array its inputs."""

    SERIAL = "serial"
    """A window unit, one tap a beat."""
    PARALLEL = "parallel"
    """A window unit, all taps at once."""
    FLAT = "flat"
    """A window unit, one tap a beat, each window once; then its elements in beats of any number, so often as asked."""
    FLAT_PARALLEL = "flat-parallel"
    """The same behind a window unit that delivers all taps of all channels at once."""
    LOOP = "loop"
    """The array's own vector, in a recurrent layer."""


class RomStyle(Enum):
    """Where a synthesiser is asked to put weights."""

    AUTO = "auto"
    BLOCK = "block"
    DISTRIBUTED = "distributed"


class Multiplier(Enum):
    """What multiplies in the array of a layer with weights."""

    AUTO = "auto"
    """What synthesis makes of a product."""
    LOGIC = "logic"
    """Adders and look-up tables (see hwq_mul_logic.sv)."""
    ADDERS = "adders"
    """Nothing: the whole layer is one graph of shifts and adders, made for its weights (see `hwq.hw.adders`)."""


STAGE = 4
"""Adders one behind the other between two registers of a graph: fewer take a faster clock and more registers."""


@dataclass(frozen=True, slots=True)
class Fold:
    """`lanes_in` and `lanes_out` channels a beat; an array of `pe` x `simd` (0 where there is none), fed by `feed`.

    `rom` says where weights go.  Each `pack` outputs share multiplier blocks (see `hwq.hw.packing`).  Pixels go in turn
    to `copies` of the array.  In a graph of adders at most `stage` of them stand between two registers.  `engine` names
    the first of the layers that share one engine (see `hwq.hw.sharing`), in all of them.
    """

    lanes_in: int
    lanes_out: int
    pe: int = 0
    simd: int = 0
    feed: Feed = Feed.SERIAL
    rom: RomStyle = RomStyle.AUTO
    pack: int = 1
    copies: int = 1
    multiplier: Multiplier = Multiplier.AUTO
    stage: int = STAGE
    engine: str = ""

    @property
    def multipliers(self) -> int:
        """Multipliers of the MAC array, all copies of it."""
        return 0 if self.multiplier is Multiplier.ADDERS else self.pe * self.simd * self.copies

    @property
    def blocks(self) -> int:
        """Those of them that are built where each `pack` outputs share one, none of them of logic."""
        shared = ceil_div(self.pe, self.pack) * self.simd * self.copies
        return shared if self.multiplier is Multiplier.AUTO else 0

    @property
    def parallel(self) -> bool:
        """Whether the array multiplies all taps at once."""
        return self.feed is Feed.PARALLEL

    @property
    def flat(self) -> bool:
        """Whether windows are cut into beats of `simd` elements."""
        return self.feed in (Feed.FLAT, Feed.FLAT_PARALLEL)


def multiplies(op: Op) -> bool:
    """Whether the requantiser of `op` has multipliers."""
    requant = op.gate if isinstance(op, Recurrent) else op.requant if isinstance(op, Requantised) else None
    return isinstance(op, Normalise | Softmax) or (requant is not None and requant.multiplies)


def window_of(op: Op, x: TensorType) -> Window:
    """The window of an operation; a dense layer is one window over the whole input."""
    if isinstance(op, Dense):
        return Window(x.shape[:2])
    window: Window = getattr(op, "window", Window((1, 1)))
    return window


def groups_of(op: Op) -> int:
    """Groups of channels that an array computes one after the other; a depthwise array has its own order."""
    return op.groups if isinstance(op, GroupConv) else 1


def is_global(op: Op, x: TensorType) -> bool:
    """True for average pooling over the whole image."""
    return isinstance(op, AvgPool) and op.window.kernel == x.shape[:2] and not any(op.window.pads)


def parallel_fits(window: Window, x: TensorType) -> bool:
    """Whether the parallel window unit can serve `window`: its contract is in hwq_swu_par.sv."""
    height, width, _ = x.shape
    rows, columns = window.output(height, width)
    first = (window.span[0] - 1 - window.pads[0]) * width + window.span[1] - 1 - window.pads[1]
    travel = (rows - 1) * window.stride[0] * width + (columns - 1) * window.stride[1]
    turn = window.stride[0] * width - (columns - 1) * window.stride[1]
    return window.taps > 1 and 0 <= first < x.pixels and travel < x.pixels and (rows == 1 or turn >= 1)


def feeds(op: Linear | MatMul, x: TensorType) -> list[Feed]:
    """What can feed the array of `op`."""
    window = window_of(op, x)
    found = [Feed.SERIAL]
    if isinstance(op, Conv | Dense | Depthwise) and parallel_fits(window, x):
        found.append(Feed.PARALLEL)
    if isinstance(op, Conv | Dense) and window.taps > 1:
        found.append(Feed.FLAT)
    if isinstance(op, Conv) and Feed.PARALLEL in found:
        found.append(Feed.FLAT_PARALLEL)
    return found


def flat_lanes_fit(lanes: int, simd: int, elements: int) -> bool:
    """Whether one converter makes beats of `simd` elements from beats of `lanes`: its contract is in hwq_dwc.sv."""
    return simd % lanes == 0 or lanes % simd == 0 or simd >= elements


def is_point(window: Window) -> bool:
    """Whether the windows are all pixels in turn."""
    return window.taps == 1 and window.stride == (1, 1) and not any(window.pads)


def in_rows(window: Window, tensor: TensorType) -> TensorType:
    """`tensor` as a window unit sees it: a window that is every pixel in turn knows no rows, and stores pixels."""
    if is_point(window):
        return replace(tensor, shape=(tensor.pixels, 1, tensor.channels))
    return tensor


def turns_unseen(window: Window, x: TensorType, y: TensorType, busy: int) -> bool:
    """Whether a parallel window moves to the next row and frame while an array is `busy` with those that it held."""
    return _parallel_cycles(window, x, y, busy) == y.pixels * busy


def ring_rows(window: Window, x: TensorType, lanes: int, work: int) -> int:
    """Rows that a serial window unit stores so that it loses at most 1 % of `work` cycles a frame.

    With all of the rows it loses nothing; each one less costs at most a row's beats (measured, see hwq_swu_ser.sv).
    """
    span, top = window.span[0], window.pads[0]
    bottom = (window.output(*x.shape[:2])[0] - 1) * window.stride[0] + span - top - x.shape[0]
    row = x.shape[1] * ceil_div(x.channels, lanes)
    least = max(span + window.stride[0], span + ceil_div(3, row))
    return max(least, 2 * span - 1 - top - bottom - work // (100 * row))


def cycles(op: Op, fold: Fold, xs: Sequence[TensorType], y: TensorType) -> int:
    """Cycles between two frames, for inputs of types `xs` and an output of type `y`."""
    x = xs[0] if xs else y
    window = window_of(op, x)
    read = max((each.pixels * ceil_div(each.channels, fold.lanes_in) for each in xs), default=0)
    write = y.pixels * ceil_div(y.channels, fold.lanes_out)
    if isinstance(op, Conv | Dense | GroupConv | MatMul):
        beats, folds = ceil_div(x.channels, fold.lanes_in), ceil_div(y.channels, fold.pe)
        if fold.flat:
            busy = folds * ceil_div(window.taps * x.channels, fold.simd)
            unit = not isinstance(op, Dense) and fold.feed is Feed.FLAT
            work = max(ceil_div(y.pixels * busy, fold.copies), y.pixels * window.taps * beats if unit else 0)
        else:
            work = _parallel_cycles(window, x, y, folds) if fold.parallel else y.pixels * folds * window.taps
            work = ceil_div(work * beats // groups_of(op), fold.copies)
    elif isinstance(op, Depthwise):
        work = y.pixels * ceil_div(y.channels, fold.pe) * (1 if fold.parallel else window.taps)
    elif isinstance(op, AvgPool | MaxPool) and not is_global(op, x):
        work = y.pixels * ceil_div(y.channels, fold.lanes_in) * window.taps
    elif isinstance(op, Softmax):
        work = y.pixels * (op.reciprocal_bits - DIVIDER_START)
    elif isinstance(op, Recurrent):
        work = y.pixels * step_cycles(op, fold.pe, fold.simd)
    else:
        work = write
    return max(read, work, write)


def _parallel_cycles(window: Window, x: TensorType, y: TensorType, busy: int) -> int:
    """Cycles of a parallel window unit whose windows keep the array `busy` cycles each.

    Three windows are held, so the array works through `backlog` cycles while the window moves on to the next row or to
    the next frame; what the move takes longer is lost.
    """
    rows, columns, _ = y.shape
    down, right = window.stride
    backlog = min(3 * busy - 2, busy + (columns - 1) * max(0, busy - right))
    next_row = down * x.shape[1] - (columns - 1) * right
    next_frame = x.pixels - (rows - 1) * down * x.shape[1] - (columns - 1) * right
    lost = rows * (columns - 1) * max(0, right - busy)
    lost += (rows - 1) * max(0, next_row - backlog) + max(0, next_frame - backlog)
    return y.pixels * busy + lost


def lane_choices(op: Op, xs: Sequence[TensorType], y: TensorType) -> list[int]:
    """Channels a beat that an operation without a MAC array may have, rising."""
    if isinstance(op, TopK):
        return [1]
    if isinstance(op, Concat) and op.axis == 2:
        return divisors(gcd(*(each.channels for each in xs)))
    channels = (xs[0] if xs else y).channels
    group = op.group(channels) if isinstance(op, Gather) else 0
    return [lanes for lanes in range(1, channels + 1) if group % lanes == 0] if group else partitions(channels)


def lanes_fit(op: Op, lanes: int, xs: Sequence[TensorType], y: TensorType) -> bool:
    """Whether an operation without a MAC array may have `lanes` channels a beat: any number, unless it has a choice."""
    allowed, channels = lane_choices(op, xs, y), (xs[0] if xs else y).channels
    if (isinstance(op, Gather) and op.group(channels)) or (isinstance(op, Concat) and op.axis == 2):
        return lanes in allowed
    return lanes in allowed or (lanes <= allowed[-1] and allowed == partitions(channels))


def opening_input(program: Program, op: Op) -> int:
    """The first input of `op` that is no constant: a frame begins when it has come."""
    return next((which for which, name in enumerate(op.inputs) if name not in program.constants), 0)


def fold_of_lanes(lanes: int, y: TensorType) -> Fold:
    """The folding of an operation without a MAC array that takes `lanes` channels a beat."""
    return Fold(lanes, min(lanes, y.channels))


def partitions(channels: int, slack: int = 0) -> list[int]:
    """For each number of groups the least lanes that give it, and up to `slack` more.

    The extra ones give room for a number that more requantiser lane counts divide.

    Examples
    --------
    >>> partitions(10)
    [1, 2, 3, 4, 5, 10]
    """
    least = {ceil_div(channels, groups) for groups in range(1, channels + 1)}
    return sorted({min(channels, n + extra) for n in least for extra in range(slack + 1)})


def divisors(number: int) -> list[int]:
    """All of them, ascending."""
    return [part for part in range(1, number + 1) if number % part == 0]
