"""Liberty files: the standard cells of a process."""

from __future__ import annotations

import os
import re
import sys
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


_PARTS = {"library": r"\blibrary\s*\(", "cell": r"\bcell\s*\(", "flip-flop": r"\bff\s*\(", "area": r"\barea\s*:"}
