"""Sony Model Compression Toolkit: one weight scale a channel, thresholds by MSE, bias correction.

Settings: pow2 and float, the scales of weights and activations; with `-gptq` rounding is trained by gradients.
"""

from __future__ import annotations

import contract
import torch
from to_torch import to_torch

contract.import_torchvision()

import model_compression_toolkit as mct  # noqa: E402
from mct_quantizers import QuantizationMethod  # noqa: E402
from model_compression_toolkit.target_platform_capabilities.constants import KERNEL_ATTR  # noqa: E402
from model_compression_toolkit.target_platform_capabilities.tpc_models.imx500_tpc.v1_0 import tpc  # noqa: E402

STEPS = 1000
"""Gradient steps of training, rounded up to whole passes over the calibration samples."""


def quantise(job: contract.Job) -> contract.Model:
    """Quantise with a platform of the wanted bits and scales; everything else as MCT has it by default."""
    pow2 = job.setting.startswith("pow2")
    base, _, default = tpc.get_op_quantization_configs()
    acts = {
        "activation_n_bits": job.act_bits,
        "activation_quantization_method": QuantizationMethod.POWER_OF_TWO if pow2 else QuantizationMethod.UNIFORM,
    }
    kernel = {
        "weights_n_bits": job.weight_bits,
        "weights_quantization_method": QuantizationMethod.POWER_OF_TWO if pow2 else QuantizationMethod.SYMMETRIC,
    }
    base = base.clone_and_edit(attr_to_edit={KERNEL_ATTR: kernel}, **acts)
    platform = tpc.generate_tpc(default.clone_and_edit(**acts), base, [base], job.setting)

    def samples() -> object:
        for batch in job.batches():
            yield [batch]

    module = to_torch(job.model)
    if job.setting.endswith("-gptq"):
        made, _ = mct.gptq.pytorch_gradient_post_training_quantization(
            module,
            samples,
            gptq_config=mct.gptq.get_pytorch_gptq_config(n_epochs=-(-STEPS // len(job.batches()))),
            target_platform_capabilities=platform,
        )
    else:
        made, _ = mct.ptq.pytorch_post_training_quantization(module, samples, target_platform_capabilities=platform)
    return contract.torch_model(made.eval())


if __name__ == "__main__":
    torch.manual_seed(0)
    contract.main("model-compression-toolkit", quantise)
