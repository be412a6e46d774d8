"""FIFOs hold enough whatever moves first: all states that small networks reach, under any stalls, over any frames."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest
from fork_nets import BLOCKS, NETS, apart, lead, residual
from token_net import deadlocks

from hwq.hw.fifo import Branches
from hwq.ir.program import Program

DEEP = os.environ.get("HWQ_DEEP", "0") == "1"
LIMIT = 1_000_000 if DEEP else 60_000
SMALL: dict[str, Callable[[int, int], Program]] = {
    **{f"block-{name}": lambda height, width, net=net: net(height, width, 1) for name, net in BLOCKS.items()},
    **{name: net for name, net in NETS.items() if name not in ("inception", "crossed", "nested")},
}
LARGE = {"inception": [(2, 3), (3, 2)], "crossed": [(2, 2)]}
"""Networks of more states than a quick run has time for, and shapes; `nested` has too many for any run."""
CASES = [*((net, shape) for net in SMALL for shape in ((2, 2), (2, 3), (3, 2))), ("inception", (2, 2))]
DEEP_CASES = [(net, shape) for net, shapes in LARGE.items() for shape in shapes if DEEP]
Depths = dict[str, tuple[int, ...]]


def _claimed(p: Program) -> Depths:
    """Pixels in front of each input that the analysis calls enough for no deadlock; none where it builds no FIFO."""
    branches = Branches(p)
    found: Depths = {}
    for op in (op for op in p.ops if len(op.inputs) > 1):
        built = branches.depths(op, max(type_.channels for type_ in p.types.values()))
        found[op.name] = tuple(min(pair) for pair in zip(built, branches.held(op), strict=True))
    return found


@pytest.mark.parametrize(("net", "shape"), [*CASES, *DEEP_CASES])
def test_no_order_of_moves_comes_to_a_halt(net: str, shape: tuple[int, int]) -> None:
    p = (SMALL | NETS)[net](*shape)
    halts, states = deadlocks(p, _claimed(p), LIMIT)
    assert not halts and states > p.types["a"].pixels


@pytest.mark.parametrize("net", SMALL)
def test_without_fifos_a_halt_is_found(net: str) -> None:
    """Unless one pixel in each engine is all that is needed."""
    p = SMALL[net](3, 3)
    claimed = _claimed(p)
    halts, _ = deadlocks(p, {name: (0,) * len(depths) for name, depths in claimed.items()}, LIMIT)
    assert halts == (net != "block-twins" and max(map(max, claimed.values())) > 1)


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("shape", [(3, 4), (4, 3), (3, 3)])
def test_least_depth(shape: tuple[int, int], layers: int) -> None:
    """One less than the lead of a branch, as one pixel waits in the fork; the built one is found by test_fifo.py."""
    p = residual(*shape, 1, layers=layers)
    pixels = lead(*shape, layers)
    assert not deadlocks(p, {"y": (pixels - 1, 0)}, LIMIT)[0]
    assert deadlocks(p, {"y": (pixels - 2, 0)}, LIMIT)[0]


def test_a_frame_that_waits_for_another() -> None:
    """Nothing is shared, so nothing needs a FIFO: the second input waits."""
    p = apart()
    assert not deadlocks(p, {}, LIMIT)[0]
