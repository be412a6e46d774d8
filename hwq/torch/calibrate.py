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

    Where the network is in training mode, normalisations that were never trained take their statistics from the
    batches: those that they begin with say nothing of what training will see.

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
    given = [_checked(network, batch) for batch in batches]
    if not given:
        raise BadInput("calibrate: no batches, expected at least one. A generator can be used only once.")
    training, mode = network.training, network.mode
    try:
        with torch.no_grad():
            if training:
                _settle_statistics(network, given)
            network.eval()
            network.mode = Mode.WATCHED
            for xs in given:
                network(*xs)
        for quantiser in network.formats:
            quantiser.settle()
        for affine in network.affine():
            affine.fit(network.format(affine.inputs[0]))
    finally:
        for quantiser in network.formats:
            quantiser.kept = []
        network.mode = mode
        network.train(training)
    return network


def _checked(network: Network, batch: Batch) -> tuple[Tensor, ...]:
    """The inputs of a batch."""
    xs = (batch,) if isinstance(batch, Tensor) else tuple(batch)[: len(network.inputs)]
    for layer, x in zip(network.inputs, xs, strict=False):
        if not bool(torch.isfinite(x).all()):
            raise BadInput(f"calibrate: a batch of {layer.label} has values that are not finite.")
        if not layer.output.signed and bool((x < 0).any()):
            raise BadInput(
                f"calibrate: a batch of {layer.label} has values below zero, the example had none. "
                "Prepare the module with an example that has some."
            )
    return xs


def _settle_statistics(network: Network, given: Sequence[tuple[Tensor, ...]]) -> None:
    """Means and variances over the batches, for normalisations that have seen none."""
    norms = [affine.norm for affine in network.affine() if affine.norm is not None]
    fresh = [norm for norm in norms if not norm.num_batches_tracked]
    momenta = [norm.momentum for norm in fresh]
    network.eval()
    network.mode = Mode.REAL
    for norm in fresh:
        norm.train().momentum = None
    for xs in given if fresh else ():
        network(*xs)
    for norm, momentum in zip(fresh, momenta, strict=True):
        norm.momentum = momentum
