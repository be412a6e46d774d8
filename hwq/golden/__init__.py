"""The portable golden model: a program as standard ONNX that any runtime executes to the same integers."""

from hwq.golden.execution import run
from hwq.golden.reader import is_golden, load, parse, program_of
from hwq.golden.writer import serialise, write

__all__ = ["is_golden", "load", "parse", "program_of", "run", "serialise", "write"]
