"""Memories for C++: the words of the `.mem` files, cut into the values that they hold."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from hwq.hw.netlist import Instance, Rom
from hwq.ir.types import TensorType

Params = Mapping[str, int]
ROW = 100
"""Characters of a line of values, about."""


@dataclass(frozen=True, slots=True)
class Field:
    """Values of `bits` bits side by side in a word, `count` of them."""

    bits: int
    signed: bool
    count: int = 1


@dataclass(frozen=True, slots=True)
class Layout:
    """Fields of a word, from bit 0 on."""

    fields: tuple[Field, ...]

    @property
    def lanes(self) -> int:
        """Values of a word."""
        return sum(field.count for field in self.fields)

    @property
    def type(self) -> str:
        """The C++ type of a value: one that all fields fit."""
        bits = max(1, *(field.bits for field in self.fields))
        if any(field.signed for field in self.fields):
            return f"hwq::Rom<{bits}>"
        return f"hwq::URom<{bits}>"

    def values(self, word: int) -> Iterator[int]:
        """The values of `word`."""
        width = sum(field.bits * field.count for field in self.fields)
        text = f"{word:0{width}b}"
        end = len(text)
        for field in self.fields:
            for _ in range(field.count):
                value = int(text[end - field.bits : end] or "0", 2)
                end -= field.bits
                yield value - (1 << field.bits) if field.signed and value >> (field.bits - 1) else value


def rows(rom: Rom, layout: Layout) -> str:
    """The text of an initialiser, a word in each pair of braces."""
    lines: list[str] = []
    for word in rom.words:
        text = ", ".join(str(value) for value in layout.values(int(word, 16)))
        lines.append(f"{{{text}}},")
    return "\n".join(_joined(lines)) + "\n"


def _joined(parts: list[str]) -> Iterator[str]:
    """Short words side by side."""
    line = ""
    for part in parts:
        if line and len(line) + len(part) >= ROW:
            yield line
            line = ""
        line = f"{line} {part}" if line else part
    yield line


def layout_of(part: Instance, param: str, out: TensorType) -> Layout:
    """How the words of the memory behind `param` are made; `out` is the type of what the instance delivers."""
    p = {name: value for name, value in part.params.items() if isinstance(value, int)}
    return Layout(tuple(LAYOUTS[part.module][param](p, out)))


def _weights(p: Params, _: TensorType) -> list[Field]:
    coded = any(p.get(name) for name in ("ENTRIES", "TERMS", "BINARY"))
    return [Field(p.get("CODE_W", p["WGT_W"]), not coded, p["PE"] * p["SIMD"])]


def _tables(p: Params, _: TensorType) -> list[Field]:
    return [Field(p["WGT_W"], True, p["ENTRIES"] * (p["PE"] if p["CHANNEL_TABLES"] else 1))]


def _biases(p: Params, _: TensorType) -> list[Field]:
    return [Field(p["ACC_W"], True, p["PE"])]


def _multipliers(p: Params, _: TensorType) -> list[Field]:
    return [Field(p["M_W"], False, p["RQ"])]


def _rows(p: Params, _: TensorType) -> list[Field]:
    return [Field(p["M_W"], False), Field(p["FACTOR_W"], False)]


def _curve(prefix: str) -> Callable[[Params, TensorType], list[Field]]:
    def fields(p: Params, _: TensorType) -> list[Field]:
        entry = Field(p[f"{prefix}ENTRY_W"], True)
        return [entry, Field(p[f"{prefix}DELTA_W"], True)] if p[f"{prefix}STEP"] else [entry]

    return fields


def _slopes(p: Params, _: TensorType) -> list[Field]:
    return [Field(p["FACTOR_W"], True, p["LANES"])]


def _thresholds(p: Params, _: TensorType) -> list[Field]:
    bits = p["ACT_W"] + (1 if p["ACT_SIGNED"] else 2)
    return [Field(bits, True, p["N"] * (p["LANES"] if p["BY_CHANNEL"] else 1))]


def _values(p: Params, out: TensorType) -> list[Field]:
    return [Field(out.bits, out.signed, p["W"] // out.bits)]


def _steps(p: Params, _: TensorType) -> list[Field]:
    return [*_beats(p, _), Field(p["TAKE_W"], False), Field(p["FREE_W"], False)]


def _beats(p: Params, _: TensorType) -> list[Field]:
    return [Field(max(1, (p["RING"] - 1).bit_length()), False), Field(1, False)]


def _bit(_: Params, __: TensorType) -> list[Field]:
    return [Field(1, False)]


def _shares(p: Params, _: TensorType) -> list[Field]:
    return [Field(16, False, 2 if p["STEP"] else 1)]


def _roots(_: Params, __: TensorType) -> list[Field]:
    return [Field(16, False)]


_RECURRENT = {"WGT_FILE": _weights, "BIAS_FILE": _biases, "ROW_FILE": _rows, "CURVE_FILE": _curve("CURVE_")}
LAYOUTS: dict[str, dict[str, Callable[[Params, TensorType], list[Field]]]] = {
    "hwq_mvau": {"WGT_FILE": _weights, "TABLE_FILE": _tables, "BIAS_FILE": _biases, "MUL_FILE": _multipliers},
    "hwq_prelu": {"FILE": _slopes},
    "hwq_table": {"FILE": _curve("")},
    "hwq_threshold": {"FILE": _thresholds},
    "hwq_const": {"FILE": _values},
    "hwq_gather": {"STEP_FILE": _steps, "BEAT_FILE": _beats},
    "hwq_crop": {"STEP_FILE": _bit, "BEAT_FILE": _bit},
    "hwq_softmax": {"FILE": _shares},
    "hwq_normalise": {"FILE": _roots},
    "hwq_lstm": {**_RECURRENT, "TANH_FILE": _curve("TANH_")},
    "hwq_gru": _RECURRENT,
    "hwq_rnn": _RECURRENT,
}
"""Memories of each module that has some, in the order in which its kernel takes them."""
