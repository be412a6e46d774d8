"""Mixed precision: what widths cost and do, budgets and floors."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import float_nets as fn
import pytest
from mixed_widths import LINEAR, NET, PLAIN, SAMPLES, front, rom, work

from hwq.errors import BadInput
from hwq.frontend import graph as fg
from hwq.hw.work import linear_ops, mac_count
from hwq.ir import serial
from hwq.ir.program import Program
from hwq.ir.text import dump
from hwq.ops import Codebook, PowerSums
from hwq.quant import quantize, silent
from hwq.quant.config import Cost, LayerRule, QuantConfig, WeightKind
from hwq.quant.errors import decibel
from hwq.quant.explore import _ratio, explore
from hwq.quant.quantize import quantised, survey
from hwq.quant.widths import PROBES, Table, _groups, measure_table, with_bits
from hwq.report import pareto


def made(**options: Any) -> Program:
    return quantize(NET, SAMPLES, replace(PLAIN, **options))


def weights(program: Program) -> int:
    return sum(op.weight.size for op in linear_ops(program))


def measured(config: QuantConfig) -> float:
    return decibel(1.0, quantised(NET, SAMPLES, config, silent).noise) or 0.0


def even_db() -> dict[int, float]:
    """Measured dB of one width for all, by width."""
    return {point.bits["out"]: point.db for point in front().points if point.even}


@pytest.fixture(scope="module")
def table() -> Table:
    config = replace(PLAIN, average_bits=8.0)
    return measure_table(*survey(NET, SAMPLES, config, silent), config, silent)


def test_the_table_counts_what_programs_have(table: Table) -> None:
    assert [layer.layer for layer in table.layers] == LINEAR
    for width, bits in table.even():
        assert set(bits.values()) == {width}
        program = made(weight_bits=width)
        assert table.cost(Cost.ROM, bits) == rom(program) == width * table.units(Cost.ROM)
        assert table.cost(Cost.WORK, bits) == work(program) == width * table.units(Cost.WORK)
    assert table.units(Cost.WORK) == 8 * mac_count(made())


def test_predictions_of_small_noise_are_within_6_db(table: Table) -> None:
    small = [point for point in front().points if point.db > 12.0]
    assert len(small) > 6
    assert all(abs(point.predicted_db - point.db) < 6.0 for point in small)
    for layer in table.layers[::3]:
        bits = {**table.widest(), layer.layer: 3}
        assert abs(_ratio(table.noise(bits)) - measured(with_bits(PLAIN, bits))) < 4.0


@pytest.mark.parametrize("option", ["average_bits", "rom_bits", "work"])
def test_budgets_are_kept_and_used(option: str) -> None:
    units = weights(made())
    wide = work(made())
    budget = {"average_bits": 4.3, "rom_bits": int(4.3 * units), "work": int(4.3 * wide / 8)}[option]
    program = made(**{option: budget})
    used = {"average_bits": rom(program) / units, "rom_bits": rom(program), "work": work(program)}[option]
    assert 0.93 * budget < used <= budget
    widths = [op.weight_bits for op in linear_ops(program)]
    assert len(set(widths)) > 1 and min(widths) >= 2 and max(widths) <= 8


@pytest.mark.parametrize("width", [3, 5])
def test_mixed_is_never_worse_than_one_width(width: int) -> None:
    assert measured(replace(PLAIN, average_bits=float(width))) >= even_db()[width]


def test_average_over_work() -> None:
    program = made(average_bits=4.0, cost=Cost.WORK)
    assert work(program) <= work(made(weight_bits=4)) < work(made(average_bits=5.0, cost=Cost.WORK))


@pytest.mark.parametrize("floor", [15.0, 30.0])
def test_a_floor_is_met_for_no_more_than_one_width_costs(floor: float) -> None:
    found = quantised(NET, SAMPLES, replace(PLAIN, min_sqnr=floor), silent)
    assert 0.0 < found.noise <= 10.0 ** (-floor / 10.0)
    meets = min(width for width, db in even_db().items() if db >= floor)
    assert rom(found.program) <= meets * weights(found.program)


def test_a_floor_of_nothing_takes_the_narrowest() -> None:
    assert {op.weight_bits for op in linear_ops(made(min_sqnr=-100.0))} == {2}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"min_sqnr": 90.0}, r"--min-sqnr: 90 dB, but the widest weights reach \d+\.\d dB"),
        ({"average_bits": 1.9}, "--average-bits: 1.9, but the narrowest weights need 2"),
        ({"rom_bits": 100}, r"--rom-bits: 100, but the narrowest weights need \d+"),
        ({"work": 0}, r"--work: 0, but the narrowest weights need \d+"),
        ({"average_bits": 4.0, "min_sqnr": 30.0}, "--average-bits and --min-sqnr: 2 were given"),
        ({"least_bits": 5, "most_bits": 4}, "--least-bits: 5, expected 1 to 4"),
    ],
)
def test_refusals(options: dict[str, Any], message: str) -> None:
    with pytest.raises(BadInput, match=message):
        made(**options)


def test_rules_stay_in_force() -> None:
    rules = (LayerRule("stem", (("weight_bits", 11),)), LayerRule("depth*", (("solver", PLAIN.solver),)))
    program = made(average_bits=4.0, rules=rules)
    widths = {op.name: op.weight_bits for op in linear_ops(program)}
    assert widths.pop("stem") == 11 and max(widths.values()) <= 8
    assert rom(program) <= 4.0 * weights(program)
    with pytest.raises(BadInput, match="need"):
        made(average_bits=2.0, rules=rules)


@pytest.mark.parametrize(
    ("kind", "coding", "average"), [(WeightKind.CODEBOOK, Codebook, 4.0), (WeightKind.POWERS, PowerSums, 7.0)]
)
def test_codings_count_what_they_store(kind: WeightKind, coding: type, average: float) -> None:
    program = made(weights=kind, average_bits=average, least_bits=1)
    assert all(isinstance(op.coding, coding) for op in linear_ops(program))
    assert 0.8 * average < rom(program) / weights(program) <= average
    assert len({op.stored_bits for op in linear_ops(program)}) > 1


def test_one_bit_is_possible() -> None:
    program = made(average_bits=2.5, least_bits=1, most_bits=4)
    assert rom(program) <= 2.5 * weights(program)
    assert {op.stored_bits for op in linear_ops(program)} <= {1, 2, 3, 4}


def test_a_network_without_weights() -> None:
    net = fn.graph((2, 4, 4), [fg.MaxPool(name="out", inputs=("in",), kernel=(2, 2))], {"out": (2, 3, 3)})
    samples = fn.data((2, 4, 4))
    same = quantize(net, samples, QuantConfig())
    assert dump(quantize(net, samples, QuantConfig(average_bits=3.0))) == dump(same)
    assert len(list(pareto.table(explore(net, samples, QuantConfig(), [4.0], False, silent)))) == 4


def test_groups_are_consecutive_and_few(table: Table) -> None:
    layers = [replace(table.layers[0], layer=str(k)) for k in range(3 * PROBES + 1)]
    layers[4] = replace(layers[4], noise={8: 0.1})
    groups = _groups(layers)
    assert len(groups) == PROBES
    assert [layer.layer for group in groups for layer in group] == [str(k) for k in range(len(layers)) if k != 4]


def test_the_same_bytes_each_time() -> None:
    assert serial.digest(made(average_bits=3.7)) == serial.digest(made(average_bits=3.7))
