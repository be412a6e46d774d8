"""AIMET for ONNX: one float scale a channel, activations with a zero point.

Settings: plain, cle (cross-layer equalisation), seqmse (scales by sequential MSE; it wants the ranges of
activations from minimum to maximum), adaround.
"""

from __future__ import annotations

import contract
import numpy as np
import onnx
import torch
from aimet_onnx import QuantizationSimModel, apply_adaround, apply_seq_mse
from aimet_onnx.batch_norm_fold import fold_all_batch_norms_to_weight
from aimet_onnx.common.quantsim_config import quantsim_config
from aimet_onnx.cross_layer_equalization import equalize_model

ADAROUND_ITERATIONS = 2000
"""A layer; AIMET's own default of 10000 takes five times as long."""


def quantise(job: contract.Job) -> contract.Model:
    """Fold, equalise if asked, improve the weights, then calibrate the activations."""
    model = onnx.load(str(job.model))
    entry = model.graph.input[0].name
    feeds = [{entry: batch} for batch in job.batches()]
    if job.setting == "cle":
        equalize_model(model)
    else:
        fold_all_batch_norms_to_weight(model)
    sim = QuantizationSimModel(
        model,
        param_type=f"int{job.weight_bits}",
        activation_type=f"int{job.act_bits}",
        quant_scheme="min_max" if job.setting == "seqmse" else "tf_enhanced",
        config_file=quantsim_config.__file__.replace("quantsim_config.py", "default_config_per_channel.json"),
        dummy_input={entry: feeds[0][entry][:1]},
    )
    if job.setting == "seqmse":
        apply_seq_mse(sim, feeds)
    if job.setting == "adaround":
        apply_adaround(sim, feeds, num_iterations=ADAROUND_ITERATIONS)
    sim.compute_encodings(feeds)
    return lambda x: np.asarray(sim.session.run(None, {entry: x})[0], np.float32)


if __name__ == "__main__":
    torch.manual_seed(0)
    contract.main("aimet-onnx", quantise)
