"""hwq: a trained ONNX network in, a bit-exactly verified streaming accelerator out."""
