"""The generators of hardware that hwq is compared with: where each runs, and the settings that are measured."""

from __future__ import annotations

from peers.environments import Setting, Tool

EIGHT = ("8/8",)

GENERATORS = {
    tool.name: tool
    for tool in (
        Tool(
            "nngen",
            "nngen_accelerator.py",
            ("nngen==1.3.4", "veriloggen==2.3.0", "pyverilog==1.3.0", "onnx==1.23.2", "numpy==2.4.6"),
            (Setting("1x1", "float", EIGHT), Setting("4x4", "float", EIGHT), Setting("8x8", "float", EIGHT)),
        ),
        Tool(
            "alkaid",
            "alkaid_unrolled.py",
            ("alkaid==0.8.2", "quantizers==1.2.2", "numpy==2.4.6"),
            (Setting("unrolled", "pow2", EIGHT),),
        ),
    )
}
"""The generators by name; alkaid gets hwq's integers, the others get the ONNX file."""
