"""hwq_mvau against plain integers: folds, depthwise, held beats, codings, all widths and roundings, several layers."""

import random
from pathlib import Path
from typing import Any

import cocotb
from engine import act_range, check_engine, check_layers, factor, live_masks, powers, requantised
from streams import STALLS, pack, params

PIXELS = 5
Codes = list[list[list[int]]]
_FILES: dict[str, int | str] = {"WGT_FILE": "weights.mem", "BIAS_FILE": "biases.mem", "MUL_FILE": "muls.mem"}
_TABLES: dict[str, int | str] = {"TABLE_FILE": "tables.mem"}
_S8: dict[str, int | str] = {"OUT_W": 8, "ZERO": 0, "QMIN": -128, "QMAX": 127}
_U8: dict[str, int | str] = {"OUT_W": 8, "ZERO": 5, "QMIN": 5, "QMAX": 255}
_U4: dict[str, int | str] = {"OUT_W": 4, "ZERO": 0, "QMIN": 0, "QMAX": 15}
_S16: dict[str, int | str] = {"OUT_W": 16, "ZERO": -100, "QMIN": -32768, "QMAX": 32767}


def _case(
    pe: int,
    simd: int,
    sf: int,
    channels: int,
    rq: int,
    act: str = "s8",
    weight: int = 8,
    rounding: int = 1,
    m_w: int = 8,
    out: dict[str, int | str] = _S8,
    acc_w: int = 0,
    **flags: int | str,
) -> dict[str, int | str]:
    """One case: ACC_W just holds the worst sum (unless given), SHIFT spreads the outputs over OUT_W."""
    act_w = int(act[1:])
    terms = simd * sf
    acc_w = acc_w or act_w + weight + (terms - 1).bit_length() + 1
    typical = act_w + weight - 3 + terms.bit_length() // 2
    return {
        "PE": pe, "SIMD": simd, "SF": sf, "NF": -(-channels // pe), "CHANNELS": channels, "RQ": rq,
        "ACT_W": act_w, "ACT_SIGNED": int(act[0] == "s"), "WGT_W": weight, "ACC_W": acc_w,
        "MUL_EN": int(m_w > 0), "M_W": max(m_w, 1), "SHIFT": max(typical + m_w - int(out["OUT_W"]), 0),
        "ROUND": rounding, **out, **_FILES, **flags,
    }  # fmt: skip


CASES: list[dict[str, int | str]] = [
    _case(4, 3, 4, 10, 1, "u8"),
    _case(3, 4, 2, 7, 3, rounding=2, DEPTHWISE=1),
    # dense: whole and partial folds, one lane to all, one fold, one PE
    _case(4, 2, 4, 8, 1),
    _case(4, 2, 2, 8, 2, rounding=3, m_w=16),
    _case(6, 1, 3, 16, 2, "u4", 4, out=_U4),
    _case(5, 7, 5, 5, 1, out=_U8, m_w=15),
    _case(1, 5, 3, 3, 1, rounding=0),
    _case(1, 1, 1, 1, 1),
    _case(8, 2, 9, 11, 1, m_w=0, out=_U8),
    _case(4, 2, 4, 10, 2, m_w=2, MANT_W=1),
    _case(4, 2, 4, 10, 2, m_w=5, MANT_W=3),
    # a dot product in one beat: free running and held
    _case(4, 6, 1, 12, 4),
    _case(4, 6, 1, 10, 4, "u8", HOLD=1),
    _case(2, 3, 1, 6, 2, m_w=0, HOLD=1, rounding=2),
    _case(3, 2, 1, 3, 3, HOLD=1),
    # depthwise, serial and with a whole window in a beat
    _case(4, 1, 9, 8, 1, DEPTHWISE=1),
    _case(4, 1, 9, 6, 2, "u8", out=_U8, DEPTHWISE=1),
    _case(4, 9, 1, 10, 4, m_w=0, DEPTHWISE=1),
    # widths
    _case(2, 2, 3, 4, 1, "u16", 16, out=_S16, m_w=16),
    _case(2, 2, 3, 3, 1, "s16", 2, out=_S16, m_w=0),
    _case(3, 3, 3, 6, 1, "u2", 2, out=_U4, m_w=0),
    _case(2, 2, 2, 4, 1, "s2", 16, rounding=3),
    _case(2, 2, 2, 4, 1, "s8", 8, acc_w=48, m_w=16, SHIFT=46),
    _case(2, 2, 4, 4, 1, "s8", 8, m_w=0, SHIFT=0, out=_S16),
    # tables: one, a table of each channel, a held beat, depthwise; a bit for each weight
    _case(4, 2, 4, 10, 1, ENTRIES=16, CODE_W=4, **_TABLES),
    _case(3, 2, 4, 7, 3, ENTRIES=5, CODE_W=3, CHANNEL_TABLES=1, **_TABLES),
    _case(4, 6, 1, 10, 4, HOLD=1, ENTRIES=7, CODE_W=3, CHANNEL_TABLES=1, **_TABLES),
    _case(3, 4, 2, 7, 3, "u8", DEPTHWISE=1, ENTRIES=4, CODE_W=2, CHANNEL_TABLES=1, **_TABLES),
    _case(4, 3, 4, 6, 1, weight=2, ENTRIES=2, CODE_W=1, **_TABLES),
    # multipliers shared by two outputs, by three and one, with a table; products from LUTs
    _case(4, 3, 4, 10, 1, "u8", PACK=2),
    _case(4, 2, 3, 4, 2, "s4", 4, out=_U4, PACK=3),
    _case(3, 2, 4, 7, 3, ENTRIES=5, CODE_W=3, CHANNEL_TABLES=1, PACK=2, **_TABLES),
    _case(4, 3, 4, 10, 1, "u8", LOGIC=1),
    _case(3, 2, 4, 7, 3, ENTRIES=5, CODE_W=3, CHANNEL_TABLES=1, LOGIC=1, **_TABLES),
    # sums of powers of two
    _case(4, 3, 3, 10, 2, "u8", TERMS=2, CODE_W=8),
    _case(2, 2, 4, 3, 1, TERMS=1, CODE_W=4),
    _case(3, 4, 2, 7, 3, "s16", 16, out=_S16, DEPTHWISE=1, TERMS=2, CODE_W=10),
    _case(4, 6, 1, 10, 4, "u4", 3, HOLD=1, TERMS=2, CODE_W=6),
    # bits: the last beat of each pixel whole or partial, a window of two taps in a beat, a held beat, depthwise
    _case(4, 3, 4, 10, 1, "u1", 1, m_w=0, out=_U4, BINARY=1, GROUPS=2, IN=3, LIVE=1),
    _case(3, 8, 2, 3, 3, "u1", 1, m_w=0, out=_U4, BINARY=1, GROUPS=2, IN=4, LIVE=3),
    _case(4, 6, 1, 10, 4, "u1", 1, BINARY=1, HOLD=1),
    _case(3, 1, 9, 7, 1, "u1", 1, m_w=0, out=_U4, BINARY=1, DEPTHWISE=1),
    # several layers: sums one by one and together, a beat a fold, depthwise, an exponent, sums of powers of two, packed
    _case(4, 3, 4, 10, 1, "u8", LAYERS=2),
    _case(3, 4, 2, 7, 3, rounding=2, DEPTHWISE=1, LAYERS=3),
    _case(4, 6, 1, 12, 4, m_w=0, LAYERS=2),
    _case(6, 1, 3, 16, 2, "u4", 4, m_w=3, MANT_W=1, out=_U4, LAYERS=5),
    _case(1, 1, 1, 1, 1, m_w=5, MANT_W=3, LAYERS=2),
    _case(4, 3, 3, 10, 2, "u8", TERMS=2, CODE_W=8, LAYERS=2),
    _case(5, 2, 5, 8, 1, "u8", PACK=2, LAYERS=2),
]


def rom_data(case: dict[str, Any], layer: int = 0) -> tuple[Codes, list[list[int]], list[int], list[int]]:
    """Codes [channel][sf][s], a table of each channel, biases and multipliers, the same for files and check."""
    source = random.Random(case["PE"] * 1000 + case["CHANNELS"] + layer * 1_000_000)
    channels = range(case["CHANNELS"])
    tables = [extremes_and_others(source, case["WGT_W"], 1, case.get("ENTRIES", 0)) for _ in channels]
    if not case.get("CHANNEL_TABLES"):
        tables = tables[:1] * len(channels)
    places = [[live(sf, s, case) for s in range(case["SIMD"])] for sf in range(case["SF"])]
    codes = [[[code(source, case) if lives else 0 for lives in row] for row in places] for _ in channels]
    x_low, x_high = act_range(case["ACT_W"], case["ACT_SIGNED"])
    least, most = act_range(case["ACC_W"], 1)
    biases = []
    for rows, table in zip(codes, tables, strict=True):
        # The bias may use what the exact bound of the products leaves of ACC_W, up to its last value.
        lanes = [(word, sf, s) for sf, row in enumerate(rows) for s, word in enumerate(row)]
        weights = [weight(word, table, case) for word, sf, s in lanes if live(sf, s, case)]
        ends = [(w * x_low, w * x_high) for w in weights]
        lowest, highest = least - sum(map(min, ends)), most - sum(map(max, ends))
        biases.append(source.choice([lowest, highest, source.randint(lowest, highest)]))
    top = (1 << case["M_W"]) - 1
    muls = [source.randint(0, top) if case["MUL_EN"] else 1 for _ in channels]
    return codes, tables, biases, muls


def live(sf: int, s: int, case: dict[str, Any]) -> bool:
    """Whether product s of beat sf carries a channel; of others nothing may count where products are of bits."""
    last = sf % case.get("GROUPS", 1) == case.get("GROUPS", 1) - 1
    return not last or s % case.get("IN", case["SIMD"]) < case.get("LIVE", case["SIMD"])


def code(source: random.Random, case: dict[str, Any]) -> int:
    """The stored form of a weight: an extreme one or any other."""
    if case.get("ENTRIES"):
        return source.randrange(case["ENTRIES"])
    if case.get("BINARY"):
        return source.getrandbits(1)
    if not case.get("TERMS"):
        return extremes_and_others(source, case["WGT_W"], 1, 1)[0]
    low, high = act_range(case["WGT_W"], 1)
    while True:
        word = source.getrandbits(case["CODE_W"])
        terms = powers(word, case["TERMS"], case["CODE_W"] // case["TERMS"])
        if low <= sum(terms) <= high and max(map(abs, terms)) <= high:
            return word


def weight(word: int, table: list[int], case: dict[str, Any]) -> int:
    """What a stored weight stands for."""
    if case.get("ENTRIES"):
        return table[word]
    if case.get("BINARY"):
        return 2 * word - 1
    return sum(powers(word, case["TERMS"], case["CODE_W"] // case["TERMS"])) if case.get("TERMS") else word


def extremes_and_others(source: random.Random, bits: int, signed: int, count: int) -> list[int]:
    """`count` values of a type, its least and greatest more often than the others."""
    low, high = act_range(bits, signed)
    return [source.choice([low, high, source.randint(low, high)]) for _ in range(count)]


def prepare(case: dict[str, Any], folder: Path) -> None:
    """Write the memory files, those of several layers one behind the other."""
    files: dict[str, list[int]] = {}
    for layer in range(case.get("LAYERS", 1)):
        for key, words in memories(case, layer).items():
            files.setdefault(key, []).extend(words)
    for key in files.keys() & case.keys():
        (folder / case[key]).write_text("".join(f"{word:x}\n" for word in files[key]), encoding="ascii")


def memories(case: dict[str, Any], layer: int) -> dict[str, list[int]]:
    """Words of each memory; unused PEs and lanes have zeros."""
    codes, tables, biases, muls = rom_data(case, layer)
    pe, lanes, sf_n = case["PE"], case["RQ"], case["SF"]
    pad = case["NF"] * pe - case["CHANNELS"]
    if case.get("BINARY"):
        biases = [bias + sum(map(sum, rows)) for bias, rows in zip(biases, codes, strict=True)]
    codes += [[[0] * case["SIMD"]] * sf_n] * pad
    tables += [[0] * case.get("ENTRIES", 0)] * pad
    biases += [0] * pad
    muls += [0] * (-len(muls) % lanes)
    words = [
        pack([w for p in range(pe) for w in codes[nf * pe + p][sf]], case.get("CODE_W", case["WGT_W"]))
        for nf in range(case["NF"])
        for sf in range(sf_n)
    ]
    every = [[entry for table in tables[nf * pe : nf * pe + pe] for entry in table] for nf in range(case["NF"])]
    return {
        "WGT_FILE": words,
        "TABLE_FILE": [pack(row, case["WGT_W"]) for row in (every if case.get("CHANNEL_TABLES") else tables[:1])],
        "BIAS_FILE": [pack(biases[nf * pe : nf * pe + pe], case["ACC_W"]) for nf in range(case["NF"])],
        "MUL_FILE": [pack(muls[b : b + lanes], case["M_W"]) for b in range(0, len(muls), lanes)],
    }


def frame(case: dict[str, Any], source: random.Random, layer: int = 0) -> tuple[list[int], list[int]]:
    """Random input beats of PIXELS output pixels, and the output beats they have to give."""
    codes, tables, biases, muls = rom_data(case, layer)
    pe, simd, channels = case["PE"], case["SIMD"], case["CHANNELS"]
    depthwise, hold = case.get("DEPTHWISE", 0), case.get("HOLD", 0)
    lanes = pe * simd if depthwise else simd
    words, results = [], []
    for _ in range(PIXELS):
        # Beats [nf][sf] of lanes. A dense layer has the same window in each fold; here each has another.
        beats = [
            [extremes_and_others(source, case["ACT_W"], case["ACT_SIGNED"], lanes) for _ in range(case["SF"])]
            for _ in range(1 if hold else case["NF"])
        ]
        words += [pack(beat, case["ACT_W"]) for rows in beats for beat in rows]
        values = []
        for channel in range(channels):
            fold, p = divmod(channel, pe)
            rows = beats[0 if hold else fold]
            acc = biases[channel]
            for sf, beat in enumerate(rows):
                seen = beat[p::pe] if depthwise else beat
                weights = [weight(word, tables[channel], case) for word in codes[channel][sf]]
                acc += sum(w * x for s, (w, x) in enumerate(zip(weights, seen, strict=True)) if live(sf, s, case))
            values.append(requantised(acc, factor(muls[channel], case), case))
        results += [pack(values[b : b + case["RQ"]], case["OUT_W"]) for b in range(0, channels, case["RQ"])]
    return words, results


@cocotb.test()
@cocotb.parametrize(pattern=list(STALLS))
async def computes_each_pixel(dut: Any, pattern: str) -> None:
    """Two frames back to back; with nothing stalled, an input beat (held: a fold) in every cycle."""
    case: dict[str, Any] = params()
    source = random.Random(3)
    masks = live_masks(case["CHANNELS"], case["RQ"], case["OUT_W"])
    if case.get("LAYERS", 1) > 1:
        frames = [frame(case, source, layer) for layer in range(case["LAYERS"])]
        widths = (
            case["SIMD"] * (case["PE"] if case.get("DEPTHWISE") else 1) * case["ACT_W"],
            case["RQ"] * case["OUT_W"],
        )
        await check_layers(dut, pattern, frames, masks, widths)
        return
    first, second = frame(case, source), frame(case, source)
    await check_engine(
        dut,
        pattern,
        {"s_axis": first[0] + second[0]},
        first[1] + second[1],
        masks,
        case["NF"] if case.get("HOLD") else 1,
    )
