"""Cases: a seed, changes of one of its files, and commands that read it, all told by names and numbers."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from random import Random

import archives
import messages
import octets
import texts

Step = tuple[str, int]
"""Name of a change, and the number from which it takes its chances."""

MOST_STEPS = 8


@dataclass(frozen=True)
class Case:
    """One input and what is done with it; equal cases give equal files."""

    number: int
    kind: str
    seed: str
    target: str
    steps: tuple[Step, ...]
    chain: int

    def to_json(self) -> str:
        """As one line."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, line: str) -> Case:
        """The inverse of `to_json`."""
        fields = json.loads(line)
        return cls(**{**fields, "steps": tuple((name, number) for name, number in fields["steps"])})


FAST = ("--effort", "fast")
QUANTIZE = ("quantize", "in/net.onnx", "--calib", "in/calib.npz", "-o", "out/n.hwq", *FAST)
SIMULATE_MADE = ("simulate", "out/n.hwq", "in/calib.npz", "-o", "out/o.npz")
FOLDED = ("generate", "in/net.hwq", "-o", "out/g", "--frames", "1")
SIMULATE = ("simulate", "in/net.hwq", "in/data.npz", "-o", "out/o.npz")
PLAIN = ("simulate", "in/net.hwq", "in/data.npz", "-o", "out/plain.npz", "--plain")
SAME = ("=", "out/o.npz", "out/plain.npz")
"""No command: the two files must hold equal arrays."""
SCRIPTS = ("ecp5-25f", "ice40-up5k", "zynq-7020", "asic")

Chain = tuple[tuple[str, ...], ...]
"""Commands one after the other, each only if all before it ended with 0."""


def _exports(net: str) -> list[Chain]:
    forms = [("onnx", "out/e.onnx"), ("qdq", "out/e.onnx"), ("qonnx", "out/e.onnx"), ("c", "out/c")]
    return [(("export", net, "--format", form, "-o", to),) for form, to in forms]


def _programs(net: str) -> list[Chain]:
    """What is done with a program."""
    simulate, plain = (tuple(net if word == "in/net.hwq" else word for word in words) for words in (SIMULATE, PLAIN))
    return [
        (("inspect", net),), (("inspect", net, "--json"),), (("inspect", net, "--exactness"),), (simulate,),
        (simulate, plain, SAME), (simulate, plain, SAME),
        (("simulate", net, "in/data.npz", "-o", "out/parts", "--parts"),), *_exports(net), *_exports(net),
        (("export", net, "--float", "-o", "out/e.onnx"), ("diff", "out/e.onnx", net, "in/data.npz")),
        (("generate", net, "-o", "out/g", "--frames", "1"), ("report", "out/g", "--weights", "--cost")),
        (("generate", net, "-o", "out/g", "--frames", "1", "--multipliers", "0"), ("report", "out/g", "--json")),
        (("generate", net, "-o", "out/g", "--frames", "1", "--backend", "hls"),),
        (("vectors", net, "-o", "out/v", "--frames", "1"), ("diff", "out/v", net)),
        (("diff", net, "in/twin.hwq", "in/data.npz"),),
    ]  # fmt: skip


CHAINS: dict[str, list[Chain]] = {
    "onnx": [
        *[(("inspect", "in/net.onnx"),)] * 6, (("inspect", "in/net.onnx", "--json"),),
        (("inspect", "in/net.onnx", "--inputs", "t1", "--outputs", "t2"),), (QUANTIZE,),
        ((*QUANTIZE, "--scale", "fixed", "--weight-bits", "5"), SIMULATE_MADE),
        ((*QUANTIZE, "--json"), ("export", "out/n.hwq", "-o", "out/e.onnx"), ("inspect", "out/e.onnx")),
        ((*QUANTIZE, "--head", "argmax"), ("inspect", "out/n.hwq")),
        (QUANTIZE, ("generate", "out/n.hwq", "-o", "out/g", "--frames", "1"), ("report", "out/g")),
        (QUANTIZE, ("export", "out/n.hwq", "-o", "out/c", "--format", "c")),
        (QUANTIZE, ("diff", "in/net.onnx", "out/n.hwq", "in/calib.npz")),
        (("diff", "in/net.onnx", "in/net.onnx", "in/calib.npz"),),
        (("simulate", "in/net.onnx", "in/calib.npz", "-o", "out/o.npz"),),
    ],
    "hwq": _programs("in/net.hwq"),
    "golden": [*[(("inspect", "in/golden.onnx"),)] * 3, *_programs("in/golden.onnx"),
               (("diff", "in/golden.onnx", "in/twin.hwq", "in/data.npz"),)],
    "samples": [
        *[(("simulate", "in/net.hwq", "DATA", "-o", "out/o.npz"),)] * 3,
        (("simulate", "in/net.hwq", "DATA", "-o", "out/o.npz", "--plain"),),
        (("simulate", "in/net.hwq", "DATA", "-o", "out/parts", "--parts"),),
        (("simulate", "in/net.hwq", "in", "-o", "out/parts"),), (("diff", "in/net.hwq", "in/twin.hwq", "DATA"),),
        (("vectors", "in/net.hwq", "-o", "out/v", "--data", "DATA"),), (("diff", "in/net.hwq", "DATA"),),
        (("inspect", "DATA"),),
    ],
    "calibration": [*[(QUANTIZE,)] * 4, ((*QUANTIZE, "--range", "entropy"),), ((*QUANTIZE, "--scale", "exact"),),
                    (("diff", "in/net.onnx", "in/net.onnx", "in/calib.npz"),), ((*QUANTIZE, "--inputs", "relu"),)],
    "folding": [
        ((*FOLDED, "--folding", "in/folding.json"), ("report", "out/g")),
        ((*FOLDED, "--folding", "in/folding.json", "--backend", "hls"),),
    ],
    "options": [((*QUANTIZE, "--config", "in/options.toml", "--write-config", "out/w.toml"),),
                ((*QUANTIZE[:-2], "--config", "in/options.toml"),)],
    "build": [
        (("report", "in/b"),), (("report", "in/b", "--cost", "--json"),), (("verify", "in/b", "-n", "1"),),
        (("verify", "in/b", "-n", "1", "--sim", "icarus"),), (("diff", "in/b", "in/twin.hwq", "in/data.npz"),),
        (("vectors", "in/b", "-o", "out/v", "--frames", "1"),),
        ((*FOLDED, "--folding", "in/b/hwq-build.json"),),
    ],
    "recording": [(("diff", "in/dump.npz", "in/net.hwq"),), (("diff", "in/net.hwq", "in/dump.npz", "--json"),),
                  (("diff", "in/dump.npz", "in/dump.npz"),), (("inspect", "in/dump.npz"),)],
    "vectors": [(("diff", "in/v", "in/net.hwq"),), (("diff", "in/net.hwq", "in/v", "--json"),),
                (("diff", "in/v", "in/v"),)],
    "results": [(("simulate", "in/net.hwq", "in/data", "-o", "out/r"),),
                (("simulate", "in/net.hwq", "in/data", "-o", "out/r", "--fresh"),)],
    "liberty": [(("synth", "out/b", "--device", "asic", "--liberty", "in/cells.lib", "--only-scripts"),)],
    "synth": [(("synth", "out/b", "--device", name, "--only-scripts"),) for name in SCRIPTS],
}  # fmt: skip
"""What is done with files of each kind; drawn evenly."""

TARGETS: dict[str, tuple[str, ...]] = {
    "onnx": ("in/net.onnx",), "hwq": ("in/net.hwq",), "golden": ("in/golden.onnx",),
    "samples": ("in/data.npz", "in/data.npy"), "calibration": ("in/calib.npz",), "folding": ("in/folding.json",),
    "options": ("in/options.toml",), "build": ("in/b/hwq-build.json", "in/b/hwq-build.json", "in/b/net.hwq"),
    "recording": ("in/dump.npz",), "vectors": ("in/v/manifest.json", "in/v/*.npy", "in/v/*.mem"),
    "results": ("out/r/hwq-results.jsonl", "out/r/*.npz"), "liberty": ("in/cells.lib",),
    "synth": ("out/b/hwq-build.json", "out/b/rtl/*.sv"),
}  # fmt: skip
"""Which files are changed."""

WEIGHTS = {"onnx": 40, "hwq": 18, "golden": 6, "samples": 8, "calibration": 3, "folding": 5, "options": 4, "build": 5,
           "recording": 4, "vectors": 3, "results": 2, "liberty": 1, "synth": 1}  # fmt: skip
"""How often each kind is drawn."""


def _ways(target: str) -> list[str]:
    """Changes that suit a file, each as often as it is to be drawn."""
    suffix = Path(target).suffix
    if suffix == ".onnx":
        return [
            *[f"onnx.{name}" for name in messages.CHANGES for _ in range(messages.WEIGHTS.get(name, 1))],
            *[f"bytes.{name}" for name in octets.CHANGES],
        ]
    if suffix in (".hwq", ".npz"):
        often = {"text": 12, "sealed": 3, "member": 6, "names": 2, "packing": 2}
        return [
            *[f"zip.{name}" for name in archives.ARCHIVES for _ in range(often.get(name, 1))],
            *[f"bytes.{name}" for name in octets.CHANGES],
        ]
    if suffix == ".npy":
        return [*[f"zip.{name}" for name in archives.ARRAYS] * 3, *[f"bytes.{name}" for name in octets.CHANGES]]
    trees = [f"text.{name}" for name in texts.TREES] * 4 + ["text.little"] * 24 if suffix in (".json", ".toml") else []
    return [*trees, *[f"text.{name}" for name in texts.RAW], *[f"bytes.{name}" for name in octets.CHANGES]]


def draw(rng: Random, number: int, seeds: dict[str, list[str]], kinds: Sequence[str], root: Path) -> Case:
    """A new case from a seed, without steps."""
    kind = rng.choices(list(kinds), [WEIGHTS[one] for one in kinds])[0]
    name = rng.choice(seeds[kind])
    targets = [
        path.relative_to(root / kind / name).as_posix()
        for pattern in TARGETS[kind]
        for path in sorted((root / kind / name).glob(pattern))
    ]
    return Case(number, kind, name, rng.choice(targets), (), rng.randrange(len(CHAINS[kind])))


def grow(rng: Random, case: Case) -> Case:
    """The case with one to three steps more, and perhaps other commands."""
    ways = _ways(case.target)
    more = tuple((rng.choice(ways), rng.randrange(1 << 32)) for _ in range(rng.choice((1, 1, 1, 1, 2, 3))))
    chain = case.chain if case.steps and rng.random() < 0.5 else rng.randrange(len(CHAINS[case.kind]))
    return replace(case, steps=(*case.steps, *more)[-MOST_STEPS:], chain=chain)


def content(case: Case, root: Path) -> bytes:
    """The changed file of a case."""
    path = root / case.kind / case.seed / case.target
    data = path.read_bytes()
    for name, number in case.steps:
        family, way = name.split(".")
        with suppress(Exception):  # a change that does not suit these bytes leaves them as they are
            data = _changed(data, family, way, Random(number), path)
    return data


def _changed(data: bytes, family: str, way: str, rng: Random, path: Path) -> bytes:
    if family == "onnx":
        return messages.change(data, way, rng)
    if family == "zip":
        return archives.change(data, way, rng)
    if family == "text":
        return texts.change(data, way, rng)
    others = sorted(path.parent.parent.parent.glob(f"*/in/{path.name}"))
    return octets.CHANGES[way](data, rng, rng.choice(others).read_bytes() if others else data)


def lay_out(case: Case, root: Path, folder: Path, changed: bytes) -> None:
    """Put the files of a case into an empty folder; those that are not changed are links to the seed's."""
    source = root / case.kind / case.seed
    for here, folders, files in os.walk(source):
        to = folder / Path(here).relative_to(source)
        to.mkdir(exist_ok=True)
        for name in files:
            link(Path(here, name), to / name)
        for name in folders:
            if Path(here, name).is_symlink():
                link(Path(here, name), to / name)
    target = folder / case.target
    target.unlink()
    target.write_bytes(changed)
    (folder / "tmp").mkdir()


def link(source: Path, to: Path) -> None:
    """The same file in another place; on another disk a copy."""
    try:
        os.link(source, to, follow_symlinks=False)
    except OSError:
        if source.is_symlink():
            to.symlink_to(os.readlink(source))
        elif source.is_file():
            shutil.copyfile(source, to)


def commands(case: Case) -> Chain:
    """The command lines, from within the folder of the case."""
    data = case.target
    return tuple(tuple(data if word == "DATA" else word for word in words) for words in CHAINS[case.kind][case.chain])


def clear(folder: Path) -> None:
    """Remove a case's folder."""
    shutil.rmtree(folder, ignore_errors=True)
