"""The real values that the integers of a program get in a float file."""

from __future__ import annotations

import math

import numpy as np

from hwq.errors import refuse_all
from hwq.ir.program import Program
from hwq.ir.types import Format
from hwq.ops import ArgMax, MaxPool, Pad

SMALLEST, LARGEST = 2.0**-32, 2.0**32
"""With scales within these bounds float32 holds that of every weight, a ratio of two, shifted right by up to 61."""


def is_power_of_two(x: float) -> bool:
    """True for 2**k, k an integer.

    Examples
    --------
    >>> is_power_of_two(0.25), is_power_of_two(3.0), is_power_of_two(0.0)
    (True, False, False)
    """
    return math.frexp(x)[0] == 0.5


def file_formats(program: Program) -> dict[str, Format]:
    """Scale (a float32 value) and zero point of every tensor in a file.

    They are those of the program, except that

    - a max pool and a pad keep the format of their input, for nothing quantises behind them,
    - an index has scale 1,
    - a tensor that no scale describes well in float32, as one that is always zero, gets the nearest that does,
    - inputs and outputs get the power of two nearest to their scale where the scales of all other tensors are
      powers of two.  The writer then multiplies by the remaining factor, outside of all layers, which so remain exact.

    No integer depends on this: the scales of weights follow from those of tensors and from the multipliers.

    Raises
    ------
    BadInput
        For inputs and outputs whose scale is out of the range of float32.
    """
    ports = {port.tensor for port in (*program.inputs, *program.outputs)}
    refuse_all(
        [
            f"{name}: its scale is {program.formats[name].scale:g}, expected {SMALLEST:.1e} to {LARGEST:.1e}, so that "
            "float32 holds all products. Scale the inputs and outputs of the model."
            for name in program.types
            if name in ports and not SMALLEST <= program.formats[name].scale <= LARGEST
        ]
    )
    formats = {
        name: Format(min(max(float(np.float32(form.scale)), SMALLEST), LARGEST), form.zero_point)
        for name, form in program.formats.items()
    }
    made = [op.name for op in program.ops if not isinstance(op, ArgMax | MaxPool | Pad)]
    if all(is_power_of_two(formats[name].scale) for name in made if name not in ports):
        for name in ports:
            formats[name] = Format(2.0 ** round(math.log2(formats[name].scale)), formats[name].zero_point)
    for op in program.ops:
        if isinstance(op, MaxPool | Pad):
            formats[op.name] = formats[op.inputs[0]]
        elif isinstance(op, ArgMax):
            formats[op.name] = Format(1.0)
    return formats
