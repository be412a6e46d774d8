"""The portable golden model: a program as standard ONNX that any runtime executes to the same integers."""
