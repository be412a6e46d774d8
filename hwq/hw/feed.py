"""What feeds an engine: sliding windows, the beats that a MAC array reads of them, and width converters."""

from __future__ import annotations

from collections.abc import Sequence
from math import lcm

from hwq.hw.fold import Feed, Fold, ceil_div, cycles, in_rows, is_point, ring_rows, window_of
from hwq.hw.netlist import Instance, Netlist, Stream
from hwq.hw.pack import constant_beat
from hwq.hw.params import Params
from hwq.ir.op import Op
from hwq.ir.program import Program
from hwq.ir.types import TensorType
from hwq.ir.window import Window
from hwq.ops import Conv, Dense

POINT = Window((1, 1))
BRAM_DEPTH = 64
"""FIFOs deeper than this use block RAM."""


def window_unit(
    net: Netlist, program: Program, op: Op, fold: Fold, source: Stream, groups: int, replays: int = 1
) -> Stream:
    """The sliding window in front of an engine: that of each of `groups` groups of channels `replays` times.

    A parallel one is delivered once, beat by beat.
    """
    y, window = program.types[op.name], window_of(op, program.first_type(op))
    x, rows = in_rows(window, program.first_type(op)), in_rows(window, y)
    pad = constant_beat(int(getattr(op, "pad_value", 0)), x.bits, fold.lanes_in)
    params: Params = {
        "DATA_W": source.width, "H": x.shape[0], "W": x.shape[1], "CF": ceil_div(x.channels, fold.lanes_in),
        "KH": window.kernel[0], "KW": window.kernel[1], "SH": window.stride[0], "SW": window.stride[1],
        "DH": window.dilation[0], "DW": window.dilation[1], "PT": window.pads[0], "PL": window.pads[1],
        "OH": rows.shape[0], "OW": rows.shape[1], "PAD": pad,
    }  # fmt: skip
    module, width = "hwq_swu_par", window.taps * source.width
    if fold.feed not in (Feed.PARALLEL, Feed.FLAT_PARALLEL):
        module, width = "hwq_swu_ser", source.width
        params |= {
            "GROUPS": groups,
            "NF": replays,
            "ROWS": ring_rows(window, x, fold.lanes_in, cycles(op, fold, (x,), y)),
        }
    taps = net.stream(f"{op.name}__window", width)
    net.parts.append(Instance(module, f"u_{op.name}__window", params, {"s_axis": source, "m_axis": taps}))
    return taps


def flat_windows(net: Netlist, program: Program, op: Op, fold: Fold, source: Stream, replays: int) -> Stream:
    """Each window `replays` times, in beats of `fold.simd` of its elements."""
    beats = flat_beats(net, program, op, fold, source)
    if replays == 1:
        return beats
    steps = window_beats(op, program.first_type(op), fold)
    return replayed(net, f"{op.name}__again", beats, steps, program.types[op.name].pixels, replays)


def flat_beats(net: Netlist, program: Program, op: Op, fold: Fold, source: Stream) -> Stream:
    """Each window once, in beats of `fold.simd` of its elements.

    A window of a dense layer is its whole input, which comes in that order as it is.
    """
    x = program.first_type(op)
    taps = source if isinstance(op, Dense) else window_unit(net, program, op, fold, source, groups=1)
    beats = net.stream(f"{op.name}__flat", fold.simd * x.bits)
    width_converter(net, taps, beats, x.bits, window_of(op, x).taps * x.channels)
    return beats


def may_take_turns(op: Op, x: TensorType, fold: Fold) -> bool:
    """Whether windows may go to several arrays in turn: if they come one after the other, each of them once.

    So they do from a flat feed, and where each pixel is a window.
    """
    return isinstance(op, Conv | Dense) and (fold.flat or is_point(window_of(op, x)))


def window_beats(op: Op, x: TensorType, fold: Fold) -> int:
    """Beats of a window before it is read again: of a flat feed, or of a layer whose windows are pixels."""
    return ceil_div(window_of(op, x).taps * x.channels, fold.simd)


def replayed(net: Netlist, name: str, source: Stream, beats: int, count: int, replays: int) -> Stream:
    """Each of `count` windows a frame, of so many beats, `replays` times."""
    rows = ring_rows(POINT, TensorType((count, 1, beats), 1, False), 1, 0)
    params: Params = {
        "DATA_W": source.width, "H": count, "W": 1, "CF": beats, "KH": 1, "KW": 1, "PT": 0, "PL": 0,
        "OH": count, "OW": 1, "NF": replays, "ROWS": rows,
    }  # fmt: skip
    out = net.stream(name, source.width)
    net.parts.append(Instance("hwq_swu_ser", f"u_{name}", params, {"s_axis": source, "m_axis": out}))
    return out


def dealt(net: Netlist, program: Program, op: Op, fold: Fold, source: Stream, replays: int) -> list[Stream]:
    """Windows in turn to each of `fold.copies` arrays, there `replays` times."""
    beats = flat_beats(net, program, op, fold, source) if fold.flat else source
    turns = tuple(net.stream(f"{op.name}__turn{which}", beats.width) for which in range(fold.copies))
    steps = window_beats(op, program.first_type(op), fold)
    params: Params = {"W": beats.width, "N": fold.copies, "BEATS": steps}
    net.parts.append(Instance("hwq_deal", f"u_{op.name}__deal", params, {"s_axis": beats, "m_axis": turns}))
    return [replayed(net, f"{op.name}__again{which}", turn, steps, 1, replays) for which, turn in enumerate(turns)]


def gathered(net: Netlist, name: str, sources: Sequence[Stream], out: Stream, beats: int) -> None:
    """Fill `out` with pixels of so many beats, in turn from each of `sources`; each waits in a FIFO for its turn."""
    waiting: list[Stream] = []
    for which, source in enumerate(sources):
        waiting.append(net.stream(f"{name}__wait{which}", out.width))
        queue(net, source, waiting[-1], max(2, beats))
    in_turn(net, f"{name}__turns", waiting, out, [beats] * len(sources))


def in_turn(
    net: Netlist,
    name: str,
    sources: Sequence[Stream],
    out: Stream,
    counts: Sequence[int],
    rounds: int = 1,
    start: int = 0,
) -> None:
    """Fill `out` with so many beats of each of `sources` in turn, `rounds` times a frame, which `start` opens."""
    bits = max(counts).bit_length()
    packed = sum(count << (bits * which) for which, count in enumerate(counts))
    params: Params = {
        "W": out.width, "N": len(counts), "ROUNDS": rounds, "START": start, "COUNT_W": bits,
        "COUNTS": f"{bits * len(counts)}'h{packed:x}",
    }  # fmt: skip
    net.parts.append(Instance("hwq_concat", f"u_{name}", params, {"s_axis": tuple(sources), "m_axis": out}))


def queue(net: Netlist, source: Stream, out: Stream, depth: int) -> None:
    """Fill `out` from `source` through a FIFO of `depth` beats."""
    module = "hwq_fifo_bram" if depth > BRAM_DEPTH else "hwq_fifo"
    params: Params = {"W": out.width, "DEPTH": depth}
    net.parts.append(Instance(module, f"u_{out.name}", params, {"s_axis": source, "m_axis": out}))


def width_converter(net: Netlist, source: Stream, out: Stream, bits: int, channels: int) -> None:
    """Fill `out` from `source`, beats of lanes of `bits` bits; a pixel has `channels`."""
    params = {"LANE_W": bits, "IN_N": source.width // bits, "OUT_N": out.width // bits, "CHANNELS": channels}
    net.parts.append(Instance("hwq_dwc", f"u_{out.name}", params, {"s_axis": source, "m_axis": out}))


def converted_lanes(given: int, taken: int, channels: int) -> list[int]:
    """Lanes of a stream on its way from `given` to `taken`: by a common multiple where neither divides the other.

    Examples
    --------
    >>> converted_lanes(2, 3, 12), converted_lanes(2, 4, 12)
    ([2, 6, 3], [2, 4])
    """
    if given == taken:
        return [given]
    wide = max(given, taken)
    if wide % min(given, taken) and wide < channels:
        return [given, min(lcm(given, taken), ceil_div(channels, given) * given), taken]
    return [given, taken]
