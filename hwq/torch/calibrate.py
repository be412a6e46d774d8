"""Calibration: scales by what is seen of each tensor, for quantisation after training or as a start for it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from hwq.errors import BadInput
from hwq.torch.network import Mode, Network

Batch = Tensor | Sequence[Tensor]


def calibrate(network: Network, batches: Iterable[Batch]) -> Network:
    """Choose the scales of all tensors and weights anew, by least squared error; return the network.

    Parameters
    ----------
    batches
        Inputs of the module: a tensor each, or a sequence that begins with as many as the module has, so that a
        `DataLoader` of inputs and labels will do.

    Raises
    ------
    BadInput
        When there is no batch, or one is not finite, has another shape, or the first values below zero.
    """
    count = len(network.inputs)
    training, mode = network.training, network.mode
    network.eval()
    network.mode = Mode.WATCHED
    seen = 0
    try:
        with torch.no_grad():
            for batch in batches:
                xs = (batch,) if isinstance(batch, Tensor) else tuple(batch)[:count]
                for layer, x in zip(network.inputs, xs, strict=False):
                    if not bool(torch.isfinite(x).all()):
                        raise BadInput(f"calibrate: a batch of {layer.label} has values that are not finite.")
                    if not layer.output.signed and bool((x < 0).any()):
                        raise BadInput(
                            f"calibrate: a batch of {layer.label} has values below zero, the example had none. "
                            "Prepare the module with an example that has some."
                        )
                network(*xs)
                seen += 1
        if not seen:
            raise BadInput("calibrate: no batches, expected at least one. A generator can be used only once.")
        for quantiser in network.formats:
            quantiser.settle()
        for affine in network.affine():
            affine.weights.fit(affine.folded()[0])
    finally:
        for quantiser in network.formats:
            quantiser.kept = []
        network.mode = mode
        network.train(training)
    return network
