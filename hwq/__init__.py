"""hwq: a trained ONNX network in, a bit-exactly verified streaming accelerator out.

`hwq.api` has one function for each command.
"""

import hwq.ops  # noqa: F401  registers the operations, which every program is read with
