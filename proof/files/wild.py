"""Values that files made to harm hold: numbers at the ends of types, and text that some language would obey."""

from __future__ import annotations

from random import Random
from typing import Any

PWNED = "PWNED"
"""Name of the file that every payload would make, were it obeyed."""

PAYLOADS: dict[str, str] = {
    "verilog": f'"; initial $system("touch {PWNED}"); //',
    "endmodule": f'x\nendmodule\nmodule y; initial $system("touch {PWNED}"); endmodule',
    "verilog comment": f'*/ initial $system("touch {PWNED}"); /*',
    "identifier": "\\esc`define X ",
    "macro": '`include "/etc/passwd"\n`define logic wire',
    "c comment": f'*/ int pwned(void) {{ return system("touch {PWNED}"); }} /*',
    "c string": f'"); system("touch {PWNED}"); ("',
    "trigraph": '??/\n#include "/etc/passwd"\n??\'',
    "line end": "ends in a backslash \\",
    "tcl": f"[exec touch {PWNED}] $env(HOME) }} ; exec touch {PWNED}",
    "make": f"$(shell touch {PWNED})\n\ttouch {PWNED}\nall: ; touch {PWNED}",
    "shell": f"$(touch {PWNED}) `touch {PWNED}` '; touch {PWNED} #",
    "html": f'"><script>alert("{PWNED}")</script><!-- ]]>&amp;',
    "python": f'"""\nimport os; os.system("touch {PWNED}")\n"""',
    "jinja": f"{{{{ 7 * 7 }}}}{{% raw %}}{PWNED}",
    "markdown": f"|]({PWNED}) ![x](javascript:{PWNED})\n# {PWNED}\n```",
    "yaml": f"x: !!python/object/apply:os.system ['touch {PWNED}']",
    "json": f'", "digest": "{PWNED}", "x": "',
    "toml": f'"\n[[layer]]\nmatch = "{PWNED}',
    "csv": f'=cmd|"/C touch {PWNED}"!A0,"\n',
    "terminal": f"\x1b]0;{PWNED}\x07\x1b[31m\x1b[2J\r\b\x9b1m",
    "rich": f"[link=file:///{PWNED}][red]{PWNED}[/] :skull:",
    "bidi": f"\u202e{PWNED}\u2066\u200b\ufeff",
    "lines": f"a\u2028b\u2029c\x85d\x0be\x0cf {PWNED}",
    "nul": f"a\0{PWNED}",
    "path": f"../../../{PWNED}",
    "absolute": f"/tmp/{PWNED}",
    "format": "%s%n{0.__class__}{x}",
}
"""Text that a language would obey, by what it attacks."""

TEXTS = (
    "", " ", "x", "y", "t_1", ".", "..", "/", "-o", "--json", "~", "module", "CON", "x" * 5000, "é", "日本", "e\u0301",
    "🙂", "\ud800", "x" * 70_000,
    "0", "1e999", "nan", "None", "NHWC", "ai.onnx", "com.microsoft", "ai.onnx.ml", "onnx.brevitas", "qonnx.custom_op",
    *PAYLOADS.values(),
)  # fmt: skip
INTS = (
    0, 1, 2, 3, 5, 7, 8, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 255, 256, 1000, 32767, 65535, 65536, 10**6,
    2**24, 2**30, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**40, 2**53, 2**53 + 1, 2**62, 2**63 - 1,
    -1, -2, -3, -8, -128, -32768, -(2**31), -(2**31) - 1, -(2**53), -(2**63),
)  # fmt: skip
FLOATS = (
    0.0, -0.0, 1.0, -1.0, 0.5, 2.0, 1e-3, 1e-30, 1e-45, 5e-324, 1e-308, 1e30, 3.4e38, 1e39, 1e308, float("inf"),
    float("-inf"), float("nan"), 1 / 3, 16777217.0,
)  # fmt: skip
OP_TYPES = (
    "Conv", "Gemm", "MatMul", "Relu", "Add", "Mul", "Sub", "Div", "MaxPool", "AveragePool", "GlobalAveragePool",
    "Concat", "Split", "Slice", "Reshape", "Flatten", "Transpose", "Pad", "Resize", "Clip", "Sigmoid", "Tanh",
    "Softmax", "LayerNormalization", "BatchNormalization", "InstanceNormalization", "LSTM", "GRU", "RNN",
    "ConvTranspose", "Gather", "Squeeze", "Unsqueeze", "Expand", "Tile", "Where", "If", "Loop", "Scan", "Constant",
    "ConstantOfShape", "Range", "Shape", "Cast", "ReduceMean", "ReduceSum", "ArgMax", "TopK", "PRelu", "LeakyRelu",
    "Elu", "Gelu", "HardSwish", "Identity", "Dropout", "DepthToSpace", "SpaceToDepth", "QuantizeLinear",
    "DequantizeLinear", "QLinearConv", "QLinearMatMul", "Einsum", "NonMaxSuppression", "SequenceConstruct",
    "Optional", "Quant", "BipolarQuant", "MultiThreshold", "Trunc", "Sinh", "NoSuchOperator", "",
)  # fmt: skip
LOCATIONS = (
    "../secret.bin", "../../secret.bin", "/etc/passwd", "link.bin", "w.bin", "./w.bin", "sub/../w.bin", ".", "",
    "/dev/zero", "/dev/stdin", "/proc/self/mem", "net.onnx", "pipe", "loop", "w.bin\0x", "x" * 5000, "~/w.bin",
    "file:///etc/passwd", "folder",
)  # fmt: skip
"""Places of external data: those that are there, and those that must never be read."""


def text(rng: Random) -> str:
    """A text that a reader may not expect."""
    if rng.random() < 0.3:
        return "".join(chr(rng.randrange(rng.choice((32, 256, 0xD800)))) for _ in range(8))
    return rng.choice(TEXTS)


def integer(rng: Random) -> int:
    """A number of no more than 64 bits."""
    return rng.choice(INTS) if rng.random() < 0.7 else rng.randrange(-20, 100)


def real(rng: Random) -> float:
    """A number, or none."""
    return rng.choice(FLOATS) if rng.random() < 0.7 else rng.gauss(0, 10)


def anything(rng: Random) -> Any:
    """A value that JSON can hold."""
    kind = rng.randrange(8)
    plain: tuple[Any, ...] = (
        None, True, False, [], {}, [1], [[1]], [-1, -1, -1, -1], {"a": 1}, {"array": "ops.0.weight"}, {"array": 1},
        {"value": "Format"}, {"value": "Window"}, {"op": "conv"}, 10**30, -(10**30), "\ud800", {"value": "Path"},
    )  # fmt: skip
    if kind < 3:
        return integer(rng)
    if kind == 3:
        return real(rng)
    if kind == 4:
        return text(rng)
    return rng.choice(plain) if kind < 7 else [integer(rng) for _ in range(rng.randrange(5))]
