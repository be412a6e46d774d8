"""AMD Quark for ONNX.

Settings: xint8 (powers of two, one scale a tensor), with -cle (cross-layer equalisation) or -adaround; per-channel
(float scales).  Its ONNX flow has no 4-bit integer weights.
"""

from __future__ import annotations

from contract import Batch, Job, Model, main, qdq_model, session
from onnxruntime.quantization import CalibrationDataReader
from quark.onnx import (
    AdaRoundConfig,
    CLEConfig,
    Int8Spec,
    ModelQuantizer,
    QConfig,
    QLayerConfig,
    XInt8Spec,
)
from quark.onnx.quantization.config.spec import CalibMethod, QuantGranularity

ALGORITHMS = {
    "xint8": [],
    "xint8-cle": [CLEConfig(cle_steps=-1)],
    "xint8-adaround": [AdaRoundConfig(learning_rate=0.1, num_iterations=1000, batch_size=2, data_size=1000)],
    "per-channel": [],
}


class Reader(CalibrationDataReader):
    """Feeds samples one after the other, again from the start after `reset_iter`."""

    def __init__(self, entry: str, batches: list[Batch]) -> None:
        self.entry, self.batches = entry, batches
        self.reset_iter()

    def get_next(self) -> dict[str, Batch] | None:
        """The next sample, or None at the end."""
        return next(self.feeds, None)

    def reset_iter(self) -> None:
        """Go back to the first sample."""
        self.feeds = iter([{self.entry: batch} for batch in self.batches])


def quantise(job: Job) -> Model:
    """Quantise as the configurations XINT8, XINT8_ADAROUND and A8W8 of the tool do."""
    out = job.scratch / "out.onnx"
    if job.setting == "per-channel":
        layer = QLayerConfig(
            activation=Int8Spec(symmetric=False, calibration_method=CalibMethod.Percentile),
            weight=Int8Spec(quant_granularity=QuantGranularity.Channel),
        )
    else:
        layer = QLayerConfig(activation=XInt8Spec(), weight=XInt8Spec())
    config = QConfig(layer, algo_config=ALGORITHMS[job.setting], ForceQuantizeNoInputCheck=True)
    reader = Reader(session(job.model).get_inputs()[0].name, job.batches(1))
    ModelQuantizer(config).quantize_model(str(job.model), str(out), reader)
    return qdq_model(out)


if __name__ == "__main__":
    main("amd-quark", quantise)
