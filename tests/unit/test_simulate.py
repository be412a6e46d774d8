"""`hwq.verify.simulate`: testbenches are built once, by content, and their failures are noticed."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from hwq.errors import BadInput, CheckFailed, ToolMissing
from hwq.verify import tools
from hwq.verify.build_cache import cached_build, content_key
from hwq.verify.simulate import Simulation, build_icarus, build_verilator, literal

TESTBENCH = """
module tb #(parameter int W = 8, parameter signed [63:0] BIG = 1, parameter FILE = "rom.mem");
  logic clk = 0;
  always #5 clk = !clk;
  logic [W-1:0] rom [0:1];
  int cycles = 1;
  initial begin
    $readmemh(FILE, rom);
    if (!$value$plusargs("cycles=%d", cycles)) cycles = 1;
    repeat (cycles) @(posedge clk);
    $display("rom=%h W=%0d BIG=%0d", rom[0], W, BIG);
    if ($test$plusargs("fatal")) $fatal(1, "wrong result");
    if ($test$plusargs("stop")) $stop;
    $finish;
  end
endmodule
"""

Build = Callable[..., Simulation]
SIMULATORS = [
    pytest.param(build_icarus, marks=pytest.mark.icarus, id="icarus"),
    pytest.param(build_verilator, marks=pytest.mark.verilator, id="verilator"),
]
each_simulator = pytest.mark.parametrize("build", SIMULATORS)


@pytest.fixture
def bench(tmp_path: Path) -> Path:
    (tmp_path / "tb.sv").write_text(TESTBENCH)
    (tmp_path / "rom.mem").write_text("5a\n01\n")
    return tmp_path


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One cache for the module: the testbench is compiled once for all tests that run it."""
    return tmp_path_factory.mktemp("cache")


@each_simulator
def test_runs_with_parameters_and_plusargs(build: Build, bench: Path, cache: Path) -> None:
    simulation = build([bench / "tb.sv"], "tb", cache, params={"W": 16, "BIG": -(2**40)})
    assert f"rom=005a W=16 BIG={-(2**40)}" in simulation.run(["+cycles=3"], cwd=bench)[0]


@each_simulator
def test_equal_content_is_built_once(build: Build, bench: Path, cache: Path) -> None:
    first = build([bench / "tb.sv"], "tb", cache)
    again = build([bench / "tb.sv"], "tb", cache)
    assert again.cached
    assert again.seconds == 0
    assert again.folder == first.folder
    assert not list(cache.glob(".*")), "a temporary folder was left"


@each_simulator
@pytest.mark.parametrize("plusarg", ["+fatal", "+stop"])
def test_failing_testbench(build: Build, plusarg: str, bench: Path, cache: Path) -> None:
    simulation = build([bench / "tb.sv"], "tb", cache)
    with pytest.raises(CheckFailed, match=r"tb \(\w+\): ended with exit code"):
        simulation.run([plusarg], cwd=bench)


@each_simulator
def test_missing_memory_file(build: Build, bench: Path, cache: Path) -> None:
    simulation = build([bench / "tb.sv"], "tb", cache)
    (bench / "rom.mem").unlink()
    with pytest.raises(CheckFailed, match=r"a memory file is missing.*rom\.mem"):
        simulation.run(cwd=bench)


@each_simulator
def test_endless_testbench(build: Build, bench: Path, cache: Path) -> None:
    simulation = build([bench / "tb.sv"], "tb", cache)
    with pytest.raises(CheckFailed, match=r"still running after 0\.5 s"):
        simulation.run(["+cycles=2000000000"], cwd=bench, timeout=0.5)


@each_simulator
def test_source_that_does_not_compile(build: Build, tmp_path: Path) -> None:
    (tmp_path / "bad.sv").write_text("module bad; wire w = ; endmodule\n")
    with pytest.raises(CheckFailed, match=r"bad \(\w+\): does not compile \(log: .*\n.*error"):
        build([tmp_path / "bad.sv"], "bad", tmp_path / "cache")
    assert [path.suffix for path in (tmp_path / "cache").iterdir()] == [".log"]


@each_simulator
def test_parameter_that_the_testbench_lacks(build: Build, bench: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckFailed, match=r"does not compile.*\n.*NO_SUCH|does not compile.*\n.*not found"):
        build([bench / "tb.sv"], "tb", tmp_path / "cache", params={"NO_SUCH": 1})


@each_simulator
def test_missing_source(build: Build, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"gone\.sv: no such file"):
        build([tmp_path / "gone.sv"], "gone", tmp_path)


@each_simulator
def test_missing_simulator(build: Build, bench: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tools, "_candidates", lambda name: iter(()))
    with pytest.raises(ToolMissing, match="not found"):
        build([bench / "tb.sv"], "tb", bench)


def test_key_depends_on_content_name_and_options(tmp_path: Path) -> None:
    a, b = tmp_path / "a.sv", tmp_path / "b.sv"
    a.write_text("module a; endmodule")
    b.write_text("module a; endmodule")
    key = content_key([a], {"top": "a"})
    assert key != content_key([b], {"top": "a"})
    assert key != content_key([a], {"top": "b"})
    copy = tmp_path / "elsewhere" / "a.sv"
    copy.parent.mkdir()
    copy.write_bytes(a.read_bytes())
    assert key == content_key([copy], {"top": "a"})
    a.write_text("module a; wire w; endmodule")
    assert key != content_key([a], {"top": "a"})


def test_two_builders_of_the_same(tmp_path: Path) -> None:
    """Both are inside the build at once; one result stays, and nobody fails."""
    together = threading.Barrier(2, timeout=30)
    results: list[tuple[Path, bool]] = []

    def build(folder: Path) -> None:
        (folder / "half").touch()
        together.wait()
        (folder / "whole").touch()

    threads = [threading.Thread(target=lambda: results.append(cached_build(tmp_path, "x", build))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [(tmp_path / "x", False)] * 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x"]
    assert sorted(path.name for path in (tmp_path / "x").iterdir()) == ["half", "whole"]


def test_failed_build_leaves_nothing(tmp_path: Path) -> None:
    def build(folder: Path) -> None:
        (folder / "half").touch()
        raise CheckFailed("no")

    with pytest.raises(CheckFailed):
        cached_build(tmp_path, "x", build)
    assert list(tmp_path.iterdir()) == []


def test_cache_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BadInput, match="Set HWQ_CACHE"):
        cached_build(tmp_path / "file", "x", lambda folder: None)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (-5, "-5"),
        (2**31 - 1, "2147483647"),
        (2**31, "64'sh0000000080000000"),
        (-(2**40), "64'shffffff0000000000"),
        (True, "1'b1"),
        ("a b.mem", '"a b.mem"'),
    ],
)
def test_literal(value: object, text: str) -> None:
    assert literal(value) == text
