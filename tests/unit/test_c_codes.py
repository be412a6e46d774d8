"""Weights of the C model as codes: the least memory is chosen, codes lead back to the weights, every width computes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from c_models import SANITISED, check_c
from cases import BIPOLAR, LARGE, S2
from hypothesis import given
from hypothesis import strategies as st
from nets import conv, corners, dense, groupconv, program, tensor

from hwq.arith import IntArray
from hwq.emit.cmodel.codes import stored
from hwq.emit.cmodel.layout import Layout
from hwq.emit.cmodel.parts import Array, Struct, bytes_of
from hwq.ir.op import Op
from hwq.ops import Codebook, PowerSums


def _decoded(arguments: tuple[Array | Struct, ...], outputs: int, size: int) -> IntArray:
    """The weights (outputs, size) that a layer's arrays stand for, read bit by bit."""
    if len(arguments) == 1:
        assert isinstance(arguments[0], Array)
        return arguments[0].values.reshape(outputs, size)
    codes, table, coding = arguments
    assert isinstance(codes, Array) and isinstance(table, Array) and isinstance(coding, Struct)
    bits, step = int(coding.fields["bits"]), int(coding.fields["step"])  # type: ignore[arg-type]
    assert codes.values.shape[1] == coding.fields["bytes"] and codes.values.min() >= 0 and codes.values.max() < 256
    wide = (codes.values[:, :, None] >> np.arange(8)) & 1
    numbers = wide.reshape(outputs, -1)[:, : size * bits].reshape(outputs, size, bits) @ (1 << np.arange(bits))
    return np.stack([table.values.ravel()[n * step + row] for n, row in enumerate(numbers)])


@st.composite
def weights(draw: st.DrawFn) -> IntArray:
    rng = np.random.default_rng(draw(st.integers(0, 1 << 30)))
    outputs, size = draw(st.integers(1, 20)), draw(st.integers(1, 90))
    entries = rng.integers(*draw(st.sampled_from([(-128, 128), (-32_768, 32_768), (-1, 2)])), (outputs, 300))
    used = draw(st.sampled_from([1, 2, 3, 4, 16, 17, 256, 300]))
    same = draw(st.booleans())
    return np.stack([rng.choice(entries[0 if same else n, :used], size) for n in range(outputs)])


@given(weights())
def test_codes_lead_back_to_the_weights(weight: IntArray) -> None:
    types, arguments, scratch = stored(weight)
    assert np.array_equal(_decoded(arguments, *weight.shape), weight)
    plain = weight.size * bytes_of(types["weight_t"])
    taken = sum(one.size for one in arguments if isinstance(one, Array))
    assert taken + sum(one.count * bytes_of(one.code) for one in scratch) <= plain
    assert bool(scratch) == (len(arguments) > 1)


@pytest.mark.parametrize(
    ("coding", "wbits", "bits", "own"),
    [
        (BIPOLAR, 2, 1, False),
        (None, 2, 2, False),
        (None, 4, 4, False),
        (PowerSums(1), 8, 4, False),
        (LARGE, 16, 8, False),
        (Codebook(np.random.default_rng(1).integers(-128, 128, (60, 3))), 8, 2, True),
    ],
)
@pytest.mark.compiler
def test_every_width_of_codes(coding: None, wbits: int, bits: int, own: bool, tmp_path: Path) -> None:
    """Layers of some size take as many bits a weight as they have values; rows end within a byte."""
    x, image = tensor(1, 1, 67), tensor(5, 4, 6)
    nets: dict[str, tuple[Op, object]] = {
        "dense": (dense(x, 60, wbits=wbits, coding=coding), x),
        "conv": (conv(image, 60, S2, wbits=wbits, coding=coding, pad=-3), image),
        "groups": (groupconv(image, 60, 2, S2, wbits=wbits, coding=coding), image),
    }
    programs = {}
    for name, (op, type_) in nets.items():
        p = program([op], {"a": type_}, samples=corners({"a": type_}, 4))  # type: ignore[dict-item]
        (call,) = Layout(p).calls["y"]
        (made,) = [one for one in call.arguments if isinstance(one, Struct) and one.kind == "coding"]
        assert call.function == "conv_coded"
        assert made.fields["bits"] == bits and (made.fields["step"] != 0) == own
        programs[name] = (p, p.samples)
    check_c(programs, tmp_path, *SANITISED)


def test_memory_of_narrow_weights() -> None:
    """A layer of 4-bit weights takes little more than half of what its bytes would, one of 8-bit weights all."""
    x = tensor(1, 1, 256)
    taken = {}
    for wbits in (2, 4, 8):
        made = Layout(program([dense(x, 64, wbits=wbits)], {"a": x}))
        taken[wbits] = sum(one.size for one in made.constants["y"] if one.key in ("codes", "table", "weight"))
    assert taken == {2: 64 * 64 + 4, 4: 64 * 128 + 16, 8: 64 * 256}
