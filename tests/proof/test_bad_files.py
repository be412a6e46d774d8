"""Some hundreds of damaged files through the command line, and that the harness notices what a command must not do."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

from hwq.verify import tools

ROOT = Path(__file__).resolve().parents[2]
FILES = ROOT / "proof" / "files"

PROBE = """
import json, os, pathlib, subprocess, sys, time, warnings
sys.path.insert(0, sys.argv[1])
import numpy as np
import sandbox
from recipes import Case
from hwq import api
from hwq.errors import BadInput

case = pathlib.Path(sys.argv[2], "seeds", "onnx", "only", "in")
case.mkdir(parents=True)
(case.parent / "out").mkdir()
(case / "net.onnx").write_bytes(b"x")
box = sandbox.Sandbox(pathlib.Path(sys.argv[2], "seeds"), pathlib.Path(sys.argv[2], "worker"))
text = "program of x\\n"
BAD = {
    "exception": lambda: {}["x"],
    "forbidden open": lambda: open("../PWNED", "w").close() or text,
    "forbidden os.remove": lambda: os.remove("in/net.onnx") or text,
    "forbidden read outside": lambda: open("/etc/passwd").read() and text,
    "half-written": lambda: pathlib.Path("out/half").touch() or (_ for _ in ()).throw(BadInput("net.onnx: bad")),
    "message": lambda: (_ for _ in ()).throw(BadInput("something is wrong")),
    "warning": lambda: np.log(np.zeros(1)) is not None and text,
    "native output": lambda: os.write(2, b"E: deep inside") and text,
    "files": lambda: pathlib.Path("tmp/left").write_text("x") and text,
    "forbidden pickle.find_class": lambda: __import__("pickle").loads(b"cos\\ngetcwd\\n.") and text,
    "memory": lambda: len(bytearray(b"x" * (5 << 28))) and text,
    "nothing": lambda: text,
}
found = {}
for name, act in BAD.items():
    api.inspect = lambda path, part, act=act: act()
    outcome = box.run(Case(1, "onnx", "only", "in/net.onnx", (), 0))
    found[name] = [f"{what} {where}" for what, where, _ in outcome.findings]
api.inspect = lambda path, part: subprocess.run(["true"])
found["tool"] = [code for _, code in box.run(Case(1, "onnx", "only", "in/net.onnx", (), 0)).codes]
print(json.dumps(found))
"""


def test_changed_files_are_accepted_or_refused_in_one_clear_way(tmp_path: Path) -> None:
    command = [
        sys.executable,
        str(FILES / "run.py"),
        "--count",
        "200",
        "--seed",
        "1",
        "--output",
        str(tmp_path / "out"),
    ]
    ran = tools.run(command, cwd=ROOT, timeout=600)
    assert ran.returncode == 0, ran.output[-6000:]
    assert re.search(r"^200 inputs in ", ran.output, re.MULTILINE) and "0 findings" in ran.output
    lines = int(re.search(r"([\d,]+) of [\d,]+ lines of hwq", ran.output)[1].replace(",", ""))  # type: ignore[index]
    assert lines > 3000


@pytest.fixture(scope="module")
def noticed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """What is found where a command misbehaves on purpose."""
    command = [sys.executable, "-c", PROBE, str(FILES), str(tmp_path_factory.mktemp("probe"))]
    ran = tools.run(command, cwd=ROOT, timeout=300)
    assert ran.returncode == 0, ran.output
    found = json.loads(ran.output.splitlines()[-1])
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize(
    "what",
    [
        "exception", "forbidden open", "forbidden os.remove", "forbidden read outside", "half-written", "message",
        "warning", "native output", "files", "forbidden pickle.find_class", "memory",
    ],
)  # fmt: skip
def test_what_a_command_must_not_do_is_noticed(what: str, noticed: dict[str, list[str]]) -> None:
    assert any(line.startswith(what) for line in noticed[what]), noticed


def test_a_good_command_and_a_tool_are_no_finding(noticed: dict[str, list[str]]) -> None:
    assert noticed["nothing"] == [] and noticed["tool"] == ["tool"]
