"""Brevitas: equalisation, calibration, GPFQ and bias correction, as its ImageNet example puts them together.

Settings: pow2 (one scale a channel), pow2-tensor (one scale a tensor) and float (one scale a channel); with `-gpfq` or
`-gptq` the rounding of that method, with `-plain` to the nearest.
"""

from __future__ import annotations

import contract
import torch
from brevitas.graph.quantize import preprocess_for_quantize
from to_torch import to_torch

contract.import_torchvision()

from brevitas_examples.imagenet_classification.ptq import ptq_common as ptq  # noqa: E402

EQUALISE_ITERATIONS = 20


def quantise(job: contract.Job) -> contract.Model:
    """The steps of the example, with its defaults."""
    pow2 = job.setting.startswith("pow2")
    batches = [(torch.from_numpy(batch), None) for batch in job.batches()]
    model = preprocess_for_quantize(to_torch(job.model), equalize_iters=EQUALISE_ITERATIONS)
    model = ptq.quantize_model(
        model,
        backend="fx",
        weight_bit_width=job.weight_bits,
        act_bit_width=job.act_bits,
        bias_bit_width=32,
        weight_quant_granularity="per_tensor" if "tensor" in job.setting else "per_channel",
        weight_param_method="mse",
        act_param_method="stats",
        act_quant_percentile=99.999,
        act_quant_type="sym",
        scale_factor_type="po2_scale" if pow2 else "float_scale",
        quant_format="int",
    )
    with torch.no_grad():
        model(batches[0][0])
    ptq.calibrate(batches, model)
    if job.setting.endswith("gpfq"):
        ptq.apply_gpfq(batches, model, act_order=True)
    if job.setting.endswith("gptq"):
        ptq.apply_gptq(batches, model, act_order=True)
    ptq.apply_bias_correction(batches, model)
    return contract.torch_model(model.eval())


if __name__ == "__main__":
    torch.manual_seed(0)
    contract.main("brevitas", quantise)
