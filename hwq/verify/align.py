"""Align: which tensors of two traces belong together, and how their values are brought to one form."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from hwq.errors import refuse_all
from hwq.ir.types import Format
from hwq.quant.forms import Form
from hwq.verify.diff_stats import as_real
from hwq.verify.traces import Tensor, Trace, Values

View = Callable[[Values], Values]
"""Brings a tensor's values (n, height, width, channels) into the form in which they are compared."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A tensor of side a and one of side b, either of which may not exist.

    `step` is what one integer stands for, where real values are compared with integers; `note` says how the two were
    brought together.
    """

    name: str
    kind: str
    inputs: tuple[str, ...]
    a: str | None
    b: str | None
    views: tuple[View, View] | None = None
    step: float | None = None
    note: str = ""


def align(a: Trace, b: Trace) -> tuple[list[Pair], bool]:
    """All tensors of both sides in topological order, and whether integers are compared rather than real values.

    Raises
    ------
    BadInput
        With every tensor that has other shapes on the two sides, or when no tensor is on both.
    """
    names = _order(a, b)
    both = [(name, *names[name]) for name in names]
    common = [(x, y) for _, x, y in both if x is not None and y is not None]
    exact = a.exact and b.exact and not any(_scales_differ(a.tensors[x], b.tensors[y]) for x, y in common)
    refusals: list[str] = []
    if not any(a.tensors[x].kind != "input" for x, _ in common):
        refusals.append(f"{a.name} and {b.name}: have no layer of the same name. Are the two of one network?")
    pairs = []
    for name, x, y in both:
        one, other = a.tensors.get(x or ""), b.tensors.get(y or "")
        shown = other or one
        assert shown is not None
        kind, inputs = shown.kind, shown.inputs or (one.inputs if one else ())
        pair = Pair(name, kind, inputs, x, y)
        if one and other and x and y:
            try:
                pair = _joined(pair, exact, (a, one), (b, other))
            except ValueError as error:
                refusals.append(f"{name}: {error}. Are the two of one network?")
        pairs.append(pair)
    refuse_all(refusals)
    return pairs, exact


def _order(a: Trace, b: Trace) -> dict[str, tuple[str | None, str | None]]:
    """The name on each side of every tensor; those of side a alone stand where they do there."""
    found: dict[str, tuple[str | None, str | None]] = {}
    names, done = list(a.tensors), 0

    def add_alone(end: int) -> None:
        for name in names[done:end]:
            if name not in b.tensors:
                found[name] = (name, _counterpart(a, b, name))

    for name in b.tensors:
        if name in a.tensors:
            at = names.index(name)
            add_alone(at)
            done = max(done, at + 1)
        found[name] = (name if name in a.tensors else _counterpart(b, a, name), name)
    add_alone(len(names))
    return found


def _counterpart(here: Trace, there: Trace, name: str) -> str | None:
    """What an output port of a recording is compared with on the other side, which has no such port."""
    tensor = here.tensors[name]
    return tensor.inputs[0] if tensor.kind == "port" and tensor.inputs[0] in there.tensors else None


def _scales_differ(a: Tensor, b: Tensor) -> bool:
    return a.format is not None and b.format is not None and a.format != b.format


def _joined(pair: Pair, exact: bool, a: tuple[Trace, Tensor], b: tuple[Trace, Tensor]) -> Pair:
    """`pair` with the views of both sides; ValueError where shapes do not fit."""
    forms = [_form(trace, name) for (trace, _), name in ((a, pair.a), (b, pair.b))]
    (trace_a, one), (trace_b, other) = a, b
    if one.shape[:2] != other.shape[:2]:
        raise ValueError(f"shape {one.shape} in {trace_a.name}, {other.shape} in {trace_b.name}")
    if one.type is None and other.type is None:
        _same_channels(one, other, a[0], b[0])
        views: tuple[View, View] = (_same, _same)
        step = None
    elif one.type is None:
        form = forms[1] or Form()
        if (len(form.channels or ()) or one.shape[2]) != other.shape[2] or max(form.channels or (0,)) >= one.shape[2]:
            hint = "" if forms[1] is not None else ", and no word of which were removed"
            raise ValueError(f"{one.shape[2]} channels in {trace_a.name}, {other.shape[2]} in {trace_b.name}{hint}")
        assert other.format is not None
        views = (form.apply, partial(_real, form=other.format))
        step = other.format.scale
    else:
        chosen = _channels(one, other, forms, a[0], b[0])
        if exact:
            views, step = (partial(_part, chosen=chosen[0]), partial(_part, chosen=chosen[1])), None
        else:
            views, step = (_model(one, forms[0], chosen[0]), _model(other, forms[1], chosen[1])), None
    note = "scaled" if any(form is not None and not form.is_plain for form in forms) and not exact else ""
    return Pair(pair.name, pair.kind, pair.inputs, pair.a, pair.b, views, step, note)


def _form(trace: Trace, name: str | None) -> Form | None:
    """The form of a tensor; None where it is not known."""
    return None if trace.forms is None or name is None else trace.forms.get(name, Form())


def _channels(
    a: Tensor, b: Tensor, forms: list[Form | None], trace_a: Trace, trace_b: Trace
) -> tuple[list[int] | None, list[int] | None]:
    """For two sides of integers the channels that both have, by number on each side; None for all of them."""
    kept = [form.channels if form else None for form in forms]
    if a.shape == b.shape and (kept[0] == kept[1] or None in forms):
        return None, None
    if None in forms or a.shape[2] == b.shape[2]:
        _same_channels(a, b, trace_a, trace_b)
    ids = [list(kept[i] or range(tensor.shape[2])) for i, tensor in enumerate((a, b))]
    common = sorted(set(ids[0]) & set(ids[1]))
    if not common or (kept[0] is None and kept[1] is None):
        _same_channels(a, b, trace_a, trace_b)
    return [ids[0].index(i) for i in common], [ids[1].index(i) for i in common]


def _same_channels(a: Tensor, b: Tensor, trace_a: Trace, trace_b: Trace) -> None:
    if a.shape != b.shape:
        raise ValueError(f"shape {a.shape} in {trace_a.name}, {b.shape} in {trace_b.name}")


def _same(x: Values) -> Values:
    return x


def _part(x: Values, chosen: list[int] | None) -> Values:
    return x if chosen is None else x[..., chosen]


def _real(x: Values, form: Format) -> NDArray[np.float64]:
    return as_real(x, form)


def _model(tensor: Tensor, form: Form | None, chosen: list[int] | None) -> View:
    """Integers as values of the float network, by channels that both sides have."""
    assert tensor.format is not None
    plain = Form(None, form.factors, form.offsets) if form else Form()

    def view(x: Values) -> Values:
        return _part(plain.undo(as_real(x, tensor.format or Format(1.0)), np.empty(0, np.float32)), chosen)

    return view
