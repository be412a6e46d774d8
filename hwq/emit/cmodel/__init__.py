"""A program as one C99 file and its header: integers only, static memory, nothing beside <stdint.h> and <string.h>."""

from hwq.emit.cmodel.layout import DEFAULT_BYTES
from hwq.emit.cmodel.model import CModel, c_model

__all__ = ["DEFAULT_BYTES", "CModel", "c_model"]
