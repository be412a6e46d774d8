"""hwq_share: every layer's beats in order, each with its place; no last beat too soon; at full rate, in fair turns."""

import random
from typing import Any

import cocotb
from cocotb.triggers import ReadOnly, RisingEdge
from streams import STALLS, pack, params, read, reset, start_clock

CASES: list[dict[str, int]] = [
    {"LAYERS": layers, "W": 12, "SF": sf, "NF": nf, "GROUP": group}
    for layers, sf, nf, group in ((2, 4, 3, 2), (3, 3, 2, 3), (2, 1, 1, 1), (4, 5, 1, 1), (5, 4, 2, 4), (1, 5, 2, 5))
]


@cocotb.test()
@cocotb.parametrize(pattern=sorted(STALLS))
async def takes_turns(dut: Any, pattern: str) -> None:
    """Each layer's beats come when they like, and each has room when it likes."""
    p, stall, rng = params(), STALLS[pattern], random.Random(pattern)
    layers, folds = p["LAYERS"], p["SF"] * p["NF"]
    layer_range = range(layers)
    queues = [[rng.getrandbits(p["W"]) for _ in range(folds * 6)] for _ in layer_range]
    want = [list(queue) for queue in queues]
    places, got = [0] * layers, [0] * layers
    offered = [False] * layers
    cycle, last_cycle, waited = 0, -99, [0] * layers
    announced = ends = 0
    dut.s_axis_tvalid.value = 0
    dut.room.value = 0
    start_clock(dut)
    await reset(dut)
    while sum(got) < layers * folds * 6:
        offered = [
            bool(queue) and (held or rng.random() >= stall[0]) for queue, held in zip(queues, offered, strict=True)
        ]
        room = [rng.random() >= stall[1] for _ in layer_range]
        dut.s_axis_tvalid.value = pack(offered, 1)
        dut.s_axis_tdata.value = pack([queue[0] if queue else 0 for queue in queues], p["W"])
        dut.room.value = pack(room, 1)
        await ReadOnly()
        ready = read(dut.s_axis_tready)
        assert read(dut.take) == announced
        assert read(dut.take_last) & announced == ends & announced
        announced = ends = 0
        if read(dut.valid):
            layer = read(dut.layer)
            nf, sf = divmod(got[layer] % folds, p["SF"])
            assert read(dut.data) == want[layer][got[layer]]
            assert read(dut.word) == layer * folds + nf * p["SF"] + sf
            assert (read(dut.first), read(dut.last)) == (sf == 0, sf == p["SF"] - 1)
            got[layer] += 1
        assert ready & (ready - 1) == 0, "two layers in one cycle"
        able = []
        for layer in layer_range:
            nf, sf = divmod(places[layer] % folds, p["SF"])
            last = sf == p["SF"] - 1
            able.append(offered[layer] and (not last or (room[layer] and cycle - last_cycle >= p["GROUP"])))
            if ready >> layer & 1:
                assert able[layer]
                announced |= last << layer
                ends |= (nf == p["NF"] - 1) << layer
                queues[layer].pop(0)
                offered[layer] = False
        assert bool(ready) == any(able), "an idle cycle, or a beat that cannot go"
        for layer in layer_range:
            if ready >> layer & 1:
                places[layer] += 1
                waited[layer] = 0
                last_cycle = cycle if announced else last_cycle
            else:
                waited[layer] = waited[layer] + 1 if able[layer] else 0
                assert waited[layer] < layers, "it waits for more than a turn of each other"
        await RisingEdge(dut.clk)
        cycle += 1
        assert cycle < 100 * layers * folds * 6, "it hangs"
    if pattern == "free":
        assert cycle <= layers * folds * 6 + 1 + p["GROUP"] * layers
