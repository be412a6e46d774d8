"""Names in a flattened netlist: which layer of the network they belong to."""

from __future__ import annotations

import re
from collections.abc import Collection

from hwq.hw.plan import Plan

NETWORK = "u_network."
"""In front of what lies in the network, where pins are around it."""
_ADDED = re.compile(r"_(?:TRELLIS_FF|SB_DFF[A-Z]*)_Q(?:_.*)?$")
OUTSIDE = "pins"
"""The layer of what lies outside."""


def inside(name: str) -> str:
    """A name of a netlist as the network's own module has it, without what synthesis adds to that of a register.

    Examples
    --------
    >>> inside("u_network.u_pool.g_lane[0].state_q_SB_DFFE_Q_6_DFFLC")
    'u_pool.g_lane[0].state_q'
    """
    return _ADDED.sub("", name.removeprefix("\\").removeprefix(NETWORK).strip())


def layer(name: str, plan: Plan) -> str:
    """The operation, or else the port, of the instance or the stream that a name of a netlist begins with.

    A stream counts to what makes it.
    """
    own = inside(name)
    head = own.split(".", 1)[0]
    tensors = [op.name for op in plan.program.ops] + list(plan.program.input_types)
    ports = [edge.prefix for edge in (*plan.inputs, *plan.outputs)]
    if "." in own and head.startswith("u_"):
        return plan.layer_of(head) or head.removeprefix("u_").split("__")[0]
    streams = [stream.name for stream in plan.net.streams]
    found = _longest(own, [*streams, *ports])
    return found.split("__")[0] if found.split("__")[0] in tensors else found or OUTSIDE


def _longest(name: str, beginnings: Collection[str]) -> str:
    """The longest of `beginnings` that `name` is, or that it begins with and goes on after with no letter or digit."""
    fit = [one for one in beginnings if name == one or (name.startswith(one) and name[len(one)] in "_$[ ")]
    return max(fit, key=len, default="")
