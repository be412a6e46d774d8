"""Programs in the file formats of other tools: QDQ and QONNX."""
