"""C++ of which all calls of a dataflow region run at once, joined by streams of their depths, as hardware runs them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

STREAMS = Path(__file__).parent / "hls_threads" / "hls_stream.h"
_REGION = re.compile(r"^  HWQ_DATAFLOW\n(.*?)^}", re.MULTILINE | re.DOTALL)
_CALL = re.compile(r"^  (?:hwq::)?(?!Stream\b)\w+<.*?\);$", re.MULTILINE | re.DOTALL)
_DEPTH = re.compile(r"HWQ_DEPTH\((\w+), (\d+)\)")


def at_once(texts: Mapping[str, str]) -> dict[str, str]:
    """The files of a build with threads in place of calls, and with streams that have an end."""
    found = {name: _REGION.sub(_threads, text) for name, text in texts.items()}
    return found | {"hls/native/hls_stream.h": STREAMS.read_text()}


def _threads(region: re.Match[str]) -> str:
    body = _CALL.sub(lambda call: f"  processes.run([&] {{ {call[0].strip()} }});", region[1])
    body = _DEPTH.sub(r"\1.set_depth(\2);", body)
    return f"  Processes processes;\n{body}  processes.join();\n}}"
