"""What feeds an engine: sliding windows, the beats that a MAC array reads of them, and width converters."""

from __future__ import annotations

from dataclasses import replace

from hwq.hw.fold import Feed, Fold, ceil_div, cycles, in_rows, ring_rows, window_of
from hwq.hw.netlist import Instance, Netlist, Stream
from hwq.hw.pack import constant_beat
from hwq.hw.params import Params
from hwq.ir.op import Op
from hwq.ir.program import Program
from hwq.ir.window import Window
from hwq.ops import Dense

POINT = Window((1, 1))


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
    """Each window `replays` times, in beats of `fold.simd` of its elements.

    A window of a dense layer is its whole input, which comes in that order as it is.
    """
    x, y = program.first_type(op), program.types[op.name]
    elements = window_of(op, x).taps * x.channels
    taps = source if isinstance(op, Dense) else window_unit(net, program, op, fold, source, groups=1)
    beats = net.stream(f"{op.name}__flat", fold.simd * x.bits)
    width_converter(net, taps, beats, x.bits, elements)
    if replays == 1:
        return beats
    windows, steps = replace(x, shape=(y.pixels, 1, elements)), ceil_div(elements, fold.simd)
    params: Params = {
        "DATA_W": beats.width, "H": y.pixels, "W": 1, "CF": steps, "KH": 1, "KW": 1, "PT": 0, "PL": 0,
        "OH": y.pixels, "OW": 1, "NF": replays, "ROWS": ring_rows(POINT, windows, fold.simd, 0),
    }  # fmt: skip
    again = net.stream(f"{op.name}__again", beats.width)
    net.parts.append(Instance("hwq_swu_ser", f"u_{op.name}__again", params, {"s_axis": beats, "m_axis": again}))
    return again


def width_converter(net: Netlist, source: Stream, out: Stream, bits: int, channels: int) -> None:
    """Fill `out` from `source`, beats of lanes of `bits` bits; a pixel has `channels`."""
    params = {"LANE_W": bits, "IN_N": source.width // bits, "OUT_N": out.width // bits, "CHANNELS": channels}
    net.parts.append(Instance("hwq_dwc", f"u_{out.name}", params, {"s_axis": source, "m_axis": out}))
