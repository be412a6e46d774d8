"""`hwq verify --gate`, `--waves` and `--junit`: what they find, keep and say."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree as Xml

import pytest
from e2e_run import Run, done, refused, run_hwq
from spoiled import flipped, spoiled, unknown

from hwq import api
from hwq.errors import BadInput
from hwq.verify.check import Verification, open_build
from hwq.verify.waves import AFTER, BEFORE, PERIOD, RESET, Waves

STUCK = ("rtl/hwq_frame_out.sv", "assign m_axis_tvalid = ", "assign m_axis_tvalid = 1'b0 && ")
BOMB = """  int ticks = 0;
  always @(posedge clk) begin
    ticks <= ticks + 1;
    if (ticks == 607) $fatal(1, "boom");
  end
endmodule"""


@pytest.fixture
def bad(tiny_build: Path, tmp_path: Path) -> Path:
    """A build with a wrong weight."""
    return spoiled(tiny_build, tmp_path / "bad", "rom/relu_weight.mem", flipped(0, 6))


class Dump:
    """A file of waves: all times in it, and each change of a vector by its name in its scope."""

    def __init__(self, path: Path) -> None:
        self.times: list[int] = []
        self.changes: dict[str, list[tuple[int, str]]] = {}
        ids: dict[str, list[str]] = {}
        scope: list[str] = []
        for line in path.read_text().splitlines():
            words = line.split()
            if line.startswith("$timescale"):
                assert "1ps" in line or not words[1:]
            if words[:1] == ["$scope"]:
                scope.append(words[2])
            elif words[:1] == ["$upscope"]:
                scope.pop()
            elif words[:1] == ["$var"]:
                ids.setdefault(words[3], []).append(".".join([*scope, words[4].split("[")[0]]))
            elif line.startswith("#"):
                self.times.append(int(line[1:]))
            elif line.startswith("b"):
                for name in ids[words[1]]:
                    self.changes.setdefault(name, []).append((self.times[-1] if self.times else 0, words[0][1:]))

    def at(self, name: str, time: int) -> list[str]:
        """The values of a signal within two cycles of a time in picoseconds."""
        changes = self.changes[name]
        before = [bits for when, bits in changes if when <= time - 2000 * PERIOD][-1:]
        return before + [bits for when, bits in changes if abs(when - time) < 2000 * PERIOD]


def _seen(build: Path, run: Verification, dump: Dump) -> None:
    """The wrong value of the first mismatch stands in the dump, about when it was seen, and only the window does."""
    waves, wrong = run.waves, next(stream for stream in run.streams if not stream.passed)
    assert waves is not None and wrong.first is not None and waves.first <= waves.cycle <= waves.last
    low, high = (1000 * PERIOD * (cycle + RESET) for cycle in (waves.first, waves.last))
    assert low - 2000 * PERIOD <= min(dump.times) and max(dump.times) <= high + 2000 * PERIOD
    assert waves.signal.endswith(f".dut.{wrong.name}_tdata")
    plan = open_build(build).plan
    lanes = next(stream.lanes for stream in plan.net.streams if stream.name == wrong.name)
    bits, lane = plan.program.types[wrong.name].bits, wrong.first.channel % lanes
    found = []
    for word in dump.at(next(name for name in dump.changes if name.endswith(waves.signal)), 1000 * waves.nanoseconds):
        if "x" in word:
            continue
        spread = word.rjust(lanes * bits, "0")
        value = int(spread[len(spread) - (lane + 1) * bits : len(spread) - lane * bits], 2)
        found.append(value - (1 << bits) if plan.program.types[wrong.name].signed and value >> bits - 1 else value)
    assert int(wrong.first.got) in found and wrong.first.got != wrong.first.want


@pytest.mark.icarus
@pytest.mark.parametrize("stall", [0.0, 0.3])
def test_waves_around_the_first_mismatch(bad: Path, tmp_path: Path, stall: float) -> None:
    file = tmp_path / "w.vcd"
    (run,) = api.verify(bad, "icarus", 5, stall, seed=9, waves=file)
    _seen(bad, run, Dump(file))
    assert run.waves == Waves(file, max(0, run.waves.cycle - BEFORE), run.waves.cycle, run.waves.cycle + AFTER,
                              run.waves.signal)  # fmt: skip
    shown = run_hwq("verify", bad, "--sim", "icarus", "-n", 5, "--stall", stall, "--seed", 9, "--waves", file)
    assert shown.code == 1 and f"Open it with: gtkwave {file}, or surfer {file}" in _joined(shown)
    assert f"It went wrong in cycle {run.waves.cycle:,}, near {run.waves.nanoseconds:,} ns, at tb_" in _joined(shown)


@pytest.mark.verilator
def test_waves_of_verilator(bad: Path, tmp_path: Path) -> None:
    (run,) = api.verify(bad, "verilator", 2, 0.3, seed=9, waves=tmp_path / "w.vcd")
    _seen(bad, run, Dump(tmp_path / "w.vcd"))


@pytest.mark.verilator
@pytest.mark.icarus
@pytest.mark.parametrize("simulator", ["icarus", "verilator"])
def test_waves_in_fst(bad: Path, tmp_path: Path, simulator: str) -> None:
    """Verilator needs headers for it; where they are missing that is said before any work."""
    file = tmp_path / "w.fst"
    try:
        (run,) = api.verify(bad, simulator, 1, waves=file)
    except BadInput as error:
        assert (
            simulator == "verilator" and "Debian: liblz4-dev" in str(error) and not Path("/usr/include/lz4.h").exists()
        )
        return
    assert run.waves is not None and file.read_bytes()[0] == 0 and file.stat().st_size > 1000


@pytest.mark.icarus
def test_no_mismatch_no_waves(tiny_build: Path, tmp_path: Path) -> None:
    file = tmp_path / "w.vcd"
    shown = done("verify", tiny_build, "--sim", "icarus", "--waves", file)
    assert "No mismatch, so no waveform was kept." in shown.out and not file.exists()
    file.write_text("old")
    shown = done("verify", tiny_build, "--sim", "icarus", "--waves", file)
    assert f"{file} is of an earlier run." in _joined(shown) and file.read_text() == "old"


@pytest.mark.icarus
def test_waves_of_a_deadlock(tiny_build: Path, tmp_path: Path) -> None:
    stuck = spoiled(tiny_build, tmp_path / "stuck", STUCK[0], lambda text: text.replace(*STUCK[1:]))
    file = tmp_path / "w.vcd"
    (run,) = api.verify(stuck, "icarus", 2, waves=file)
    assert run.waves is not None and any("HWQ_DEADLOCK" in line for line in run.trouble)
    port = run.streams[-1]
    assert port.name == "m_axis" and port.beats == 0 and port.missing > 0 and not port.passed
    dump = Dump(file)
    assert 1000 * PERIOD * (run.waves.first - 2) <= min(dump.times) and run.waves.cycle < 5000
    assert max(dump.times) <= 1000 * PERIOD * (run.waves.last + RESET + 2)


@pytest.mark.icarus
@pytest.mark.verilator
@pytest.mark.parametrize("simulator", ["icarus", "verilator"])
def test_waves_of_a_simulation_that_dies(tiny_build: Path, tmp_path: Path, simulator: str) -> None:
    """A check of the hardware ends it in cycle 600: the end is kept."""
    dead = spoiled(tiny_build, tmp_path / "dead", STUCK[0], lambda text: text.replace("endmodule", BOMB))
    file = tmp_path / "w.vcd"
    shown = run_hwq("verify", dead, "--sim", simulator, "-n", 60, "--waves", file)
    assert shown.code == 1 and "boom" in shown.err and "Open it with: gtkwave" in shown.err
    assert "It went wrong in cycle 576, near 5,840 ns." in shown.err
    first, last = min(Dump(file).times), max(Dump(file).times)
    assert 600 + RESET <= last / (1000 * PERIOD) + 2 <= 604 + RESET
    assert (576 - BEFORE + RESET - 2) * 1000 * PERIOD <= first < last - BEFORE * 1000 * PERIOD


@pytest.mark.icarus
def test_waves_of_unknown_bits(tiny_build: Path, tmp_path: Path) -> None:
    dead = spoiled(tiny_build, tmp_path / "dead", "rom/relu_weight.mem", unknown)
    shown = run_hwq("verify", dead, "--sim", "icarus", "-n", 2, "--waves", tmp_path / "w.vcd")
    assert shown.code == 1 and "ended with exit code" in shown.err and "Wave of cycles 0 to " in shown.err
    assert any("x" in bits for _, bits in Dump(tmp_path / "w.vcd").changes["tb_net.dut.relu_tdata"])


def test_waves_are_refused(tiny_build: Path, tmp_path: Path) -> None:
    assert "ends in .vcd or .fst" in refused(2, "verify", tiny_build, "--sim", "icarus", "--waves", tmp_path / "w.png")
    message = refused(2, "verify", tiny_build, "--sim", "all", "--waves", tmp_path / "w.vcd")
    assert "expected one simulator" in message
    assert "is not a folder" in refused(2, "verify", tiny_build, "--sim", "icarus", "--waves", tmp_path / "n" / "w.vcd")


@pytest.mark.icarus
@pytest.mark.yosys
def test_gates(tiny_build: Path, bad: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A netlist passes, and one with a wrong weight does not: words of ROMs are in it, and in its cache's key."""
    monkeypatch.setenv("HWQ_CACHE", str(tmp_path / "cache"))
    words = ("--sim", "icarus", "--gate", "-n", 2, "--stall", 0.3)
    shown = done("verify", tiny_build, *words, "--trace", "-v")
    assert "2 samples bit-exact, " in shown.out and " gates, registers and memories, stalls 0.3" in _joined(shown)
    assert "A netlist has no inner streams: only the output ports were compared." in _joined(shown)
    assert "Making gates with yosys" in shown.err
    assert len(list((tmp_path / "cache").glob("gate-*"))) == 1
    again = done("verify", tiny_build, *words, "--json").json
    assert again["runs"][0]["build_seconds"] == 0 and again["runs"][0]["cells"] > 200 and again["passed"]
    assert [stream["name"] for stream in again["runs"][0]["streams"]] == ["m_axis"]
    wrong = run_hwq("verify", bad, *words, "--waves", tmp_path / "w.vcd")
    assert wrong.code == 1 and "MISMATCHES" in wrong.out and (tmp_path / "w.vcd").stat().st_size > 1000
    assert len(list((tmp_path / "cache").glob("gate-*"))) == 2
    netlist = next((tmp_path / "cache").glob("gate-*/netlist.v")).read_text()
    assert "readmem" not in netlist and "hwq_" not in re.sub(r"\\\S+", "", netlist)


@pytest.mark.icarus
def test_what_gates_cannot_do(
    tiny_build: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hls: Callable[[], Path]
) -> None:
    message = refused(2, "verify", tiny_build, "--sim", "icarus", "--gate", "--record", tmp_path / "d.npz")
    assert "a netlist of --gate has no inner streams" in message
    for words in (["--gate"], ["--waves", tmp_path / "w.vcd"]):
        assert "is C++ for HLS" in refused(2, "verify", hls(), *words)
    old = spoiled(tiny_build, tmp_path / "old", _bench(tiny_build), lambda text: text.replace("HWQ_WAVES", "OTHER"))
    message = refused(2, "verify", old, "--sim", "icarus", "--waves", tmp_path / "w.vcd", "-n", 1)
    assert "its testbench is of an older hwq" in message
    monkeypatch.setattr("sys.prefix", str(tmp_path / "empty"))
    monkeypatch.setattr("hwq.verify.tools._candidates", _without("yosys"))
    assert refused(3, "verify", tiny_build, "--sim", "icarus", "--gate").startswith(
        "yosys (synthesis for every device)"
    )


@pytest.mark.icarus
def test_junit(tiny_build: Path, bad: Path, tmp_path: Path) -> None:
    file = tmp_path / "j.xml"
    done("verify", tiny_build, "--sim", "icarus", "--junit", file)
    assert _cases(file) == {("build.icarus", "all streams"): ""}
    done("verify", tiny_build, "--sim", "icarus", "--trace", "--junit", file)
    assert list(_cases(file)) == [("build.icarus", name) for name in ("x", "relu", "pool", "y", "m_axis")]
    assert run_hwq("verify", bad, "--sim", "icarus", "--trace", "--junit", file).code == 1
    cases, suite = _cases(file), next(Xml.parse(file).iter("testsuite"))
    failed = [text for text in cases.values() if text]
    assert cases["bad.icarus", "x"] == "" and suite.get("failures") == str(len(failed)) and suite.get("errors") == "0"
    assert re.match(r"relu \(conv\) on icarus: \d+ of \d+ beats differ\nfirst at sample 0, row ", failed[0])
    assert run_hwq("verify", bad, "--sim", "icarus", "--junit", file).code == 1
    assert "relu" not in _cases(file)["bad.icarus", "all streams"] and "y: sample 0, row" in "".join(
        _cases(file).values()
    )


def test_junit_of_what_cannot_be_verified(tiny_build: Path, tmp_path: Path) -> None:
    file = tmp_path / "j.xml"
    broken = spoiled(tiny_build, tmp_path / "broken", "hwq-build.json", lambda text: text[:30])
    assert run_hwq("verify", broken, "--junit", file).code == 2
    assert "holds no readable hwq-build.json" in _cases(file)["broken", "verify"]
    assert next(Xml.parse(file).iter("testsuite")).get("errors") == "1"
    assert "is not a folder" in refused(2, "verify", tiny_build, "--junit", tmp_path / "none" / "j.xml")


@pytest.fixture
def hls(tiny_net: Path, tmp_path: Path) -> Callable[[], Path]:
    def build() -> Path:
        done("generate", tiny_net, "-o", tmp_path / "hls", "--backend", "hls")
        return tmp_path / "hls"

    return build


def _cases(file: Path) -> dict[tuple[str, str], str]:
    """Class and name of each test case, and what is wrong with it."""
    found = {}
    for case in Xml.parse(file).iter("testcase"):
        fault = next(iter(case), None)
        found[case.get("classname", ""), case.get("name", "")] = "" if fault is None else fault.text or ""
    return found


def _bench(build: Path) -> str:
    return next(path.relative_to(build).as_posix() for path in build.glob("tb/tb_*.sv"))


def _without(missing: str) -> Callable[[str], list[Path]]:
    """Programs as PATH has them, but one."""
    return lambda name: [Path(path)] if name != missing and (path := shutil.which(name)) else []


def _joined(shown: Run) -> str:
    return " ".join(shown.out.split())
