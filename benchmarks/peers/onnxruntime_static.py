"""onnxruntime: static quantisation, one float scale a channel, unsigned activations with a zero point.

Settings: minmax, entropy, percentile.  Its entropy has 128 bins for 128 steps and so finds the whole range.
"""

from __future__ import annotations

from contract import Batch, Job, Model, main, qdq_model, session
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)
from onnxruntime.quantization.shape_inference import quant_pre_process

METHODS = {
    "minmax": CalibrationMethod.MinMax,
    "entropy": CalibrationMethod.Entropy,
    "percentile": CalibrationMethod.Percentile,
}
WEIGHTS = {8: QuantType.QInt8, 4: QuantType.QInt4}


class Reader(CalibrationDataReader):
    """Feeds batches one after the other."""

    def __init__(self, entry: str, batches: list[Batch]) -> None:
        self.feeds = iter([{entry: batch} for batch in batches])

    def get_next(self) -> dict[str, Batch] | None:
        """The next batch, or None at the end."""
        return next(self.feeds, None)


def quantise(job: Job) -> Model:
    """Preprocess as the documentation recommends, then quantise."""
    clean, out = job.scratch / "clean.onnx", job.scratch / "out.onnx"
    quant_pre_process(str(job.model), str(clean))
    entry = session(job.model).get_inputs()[0].name
    # The histograms of a batch are merged with those before it: batches of one would be slow.
    reader = Reader(entry, job.batches())
    quantize_static(
        str(clean),
        str(out),
        reader,
        quant_format=QuantFormat.QDQ,
        per_channel=True,
        weight_type=WEIGHTS[job.weight_bits],
        activation_type=QuantType.QUInt8,
        calibrate_method=METHODS[job.setting],
    )
    return qdq_model(out)


if __name__ == "__main__":
    main("onnxruntime", quantise)
