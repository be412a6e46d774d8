"""Liberty files: the standard cells of a process."""

from __future__ import annotations

import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path

from hwq.errors import BadInput, ToolMissing

KITS = {"osu018": "osu018_stdcells", "osu035": "osu035_stdcells", "osu050": "osu05_stdcells"}
"""Names of free libraries of Oklahoma State University, packed by Debian, and their files."""
DEFAULT = "osu018"


def find(name: str | None) -> Path:
    """The liberty file of a name in `KITS`, or a path; `DEFAULT` when None.

    Libraries are looked for in the Python environment's folder `share`, then in the system's.

    Raises
    ------
    ToolMissing
        When a library that was named is not installed.
    BadInput
        When there is no such file.
    """
    name = name or DEFAULT
    if name not in KITS:
        return Path(name)
    system = (os.environ.get("XDG_DATA_DIRS") or "/usr/local/share:/usr/share").split(":")
    for folder in (os.path.join(sys.prefix, "share"), *system):
        path = Path(folder, "qflow", "tech", name, f"{KITS[name]}.lib")
        if path.is_file():
            return path
    raise ToolMissing(
        f"{name} (standard cells): not found. Run `apt-get install qflow-tech-{name}` as root, or give another library "
        "with --liberty FILE."
    )


def read(path: Path) -> str:
    """The text of a liberty file that has flip-flops and gates, every brace closed.

    Raises
    ------
    BadInput
        When the file is missing, no text, damaged, or without cells.
    """
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"--liberty {path}: cannot be read ({error!s:.120}), expected a liberty file as text.") from None
    bare = re.sub(r'/\*.*?\*/|"[^"]*"|//[^\n]*', "", text, flags=re.DOTALL)
    lacks = [what for what, pattern in _PARTS.items() if not re.search(pattern, bare)]
    opened, closed = bare.count("{"), bare.count("}")
    if lacks or opened != closed:
        found = f"holds no {lacks[0]}" if lacks else f"opens {opened} groups and closes {closed}"
        raise BadInput(
            f"--liberty {path}: {found}, expected the whole liberty file of a library with gates and flip-flops."
        )
    return text


def title(text: str) -> str:
    """The name that a liberty file gives its library.

    Examples
    --------
    >>> title('library ("osu018_stdcells") {')
    'osu018_stdcells'
    """
    found = re.search(r'\blibrary\s*\(\s*"?([^")\s]+)', text)
    return found[1] if found else "unnamed"


@dataclass(frozen=True, slots=True)
class Buffer:
    """A cell that drives `output` as `input` is."""

    name: str
    input: str
    output: str
    area: float


def buffer(text: str) -> Buffer | None:
    """The smallest buffer of a liberty file, none that is for clocks; None when there is no such cell."""
    starts = [*re.finditer(r'\bcell\s*\(\s*"?(\w+)"?\s*\)', text)]
    ends = [*(start.start() for start in starts[1:]), len(text)]
    cells = [(start[1], text[start.end() : end]) for start, end in zip(starts, ends, strict=True)]
    found = [made for name, body in cells if "clk" not in name.lower() and (made := _as_buffer(name, body))]
    return min(found, key=lambda one: one.area, default=None)


def _as_buffer(name: str, body: str) -> Buffer | None:
    """A cell as a buffer: one input, one output, which is equal to it."""
    area = re.search(r"\barea\s*:\s*([\d.]+)", body)
    _, *pins = re.split(r'\bpin\s*\(\s*"?(\w+)"?\s*\)', body)
    texts = dict(zip(pins[::2], pins[1::2], strict=True))
    inputs = [pin for pin, text in texts.items() if re.search(r'\bdirection\s*:\s*"?input\b', text)]
    if area is None or len(texts) != 2 or len(inputs) != 1:
        return None
    (output,) = texts.keys() - inputs
    function = re.search(r'\bfunction\s*:\s*"\(?\s*(\w+)\s*\)?"', texts[output])
    return Buffer(name, inputs[0], output, float(area[1])) if function and function[1] == inputs[0] else None


_PARTS = {"library": r"\blibrary\s*\(", "cell": r"\bcell\s*\(", "flip-flop": r"\bff\s*\(", "area": r"\barea\s*:"}
