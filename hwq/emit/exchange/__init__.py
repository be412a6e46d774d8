"""Programs in the file formats of other tools: QDQ and QONNX."""

from hwq.emit.exchange.export import Exchange, FileFormat, describe, exchange

__all__ = ["Exchange", "FileFormat", "describe", "exchange"]
