"""Groups of parameters for an optimiser: scales learn at a rate of their own, and do not decay."""

from __future__ import annotations

from typing import Any

from hwq.torch.network import Network
from hwq.torch.steps import Step


def parameter_groups(
    network: Network, rate: float, scale_rate: float | None = None, decay: float = 0.0
) -> list[dict[str, Any]]:
    """What an optimiser of torch takes: weights with `rate` and `decay`, scales with `scale_rate` and without decay.

    Parameters
    ----------
    scale_rate
        That of the scales, by default `rate`.
    """
    scales = [module.value for module in network.modules() if isinstance(module, Step)]
    known = {id(value) for value in scales}
    others = [value for value in network.parameters() if id(value) not in known]
    wide = [value for value in others if value.ndim > 1]
    narrow = [value for value in others if value.ndim <= 1]
    return [
        {"params": wide, "lr": rate, "weight_decay": decay},
        {"params": narrow, "lr": rate, "weight_decay": 0.0},
        {"params": scales, "lr": rate if scale_rate is None else scale_rate, "weight_decay": 0.0},
    ]
