"""Results of `hwq verify` as JUnit XML, which CI systems show."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree as Xml

from hwq.errors import CheckFailed, HwqError
from hwq.verify.check import Verification
from hwq.verify.streams import PORT, StreamResult

SUITE = "hwq verify"


def junit(folder: str, result: Sequence[Verification] | HwqError, layers: bool) -> str:
    """The text of a file with one test case for each simulator, or for each of its streams.

    Parameters
    ----------
    folder
        The build.
    result
        Its verifications, or why there are none.
    layers
        One test case for each stream.
    """
    suite = Xml.Element("testsuite", name=SUITE)
    name = Path(folder).resolve().name
    if isinstance(result, HwqError):
        kind = "failure" if isinstance(result, CheckFailed) else "error"
        _case(suite, name, "verify", 0.0, kind, str(result))
    else:
        for run in result:
            _cases(suite, f"{name}.{run.target}", run, layers)
    cases = list(suite)
    suite.set("tests", str(len(cases)))
    for kind, plural in (("failure", "failures"), ("error", "errors")):
        suite.set(plural, str(sum(case.find(kind) is not None for case in cases)))
    suite.set("time", f"{sum(float(case.get('time', 0)) for case in cases):.3f}")
    root = Xml.Element("testsuites", name=SUITE)
    root.append(suite)
    Xml.indent(root)
    return Xml.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _cases(suite: Xml.Element, name: str, run: Verification, layers: bool) -> None:
    seconds = run.build_seconds + run.seconds_per_sample * run.samples
    broken = [stream for stream in run.streams if not stream.passed]
    if not layers or not run.streams:
        text = "\n".join(run.trouble) or f"{run.mismatches:,} mismatches"
        _case(suite, name, "all streams", seconds, "" if run.passed else "failure", text)
        return
    for number, stream in enumerate(run.streams):
        text = "" if stream.passed else describe(stream, run.target)
        if not run.passed and not broken and stream.op == PORT:
            text = "\n".join(run.trouble) or "frame_error of the hardware is set"
        _case(suite, name, stream.name, 0.0 if number else seconds, "failure" if text else "", text)


def describe(stream: StreamResult, simulator: str) -> str:
    """What is wrong with a stream, in a line or two."""
    lines = []
    if stream.mismatches:
        lines.append(f"{stream.mismatches:,} of {stream.beats:,} beats differ")
    if stream.missing:
        lines.append(f"{stream.missing:,} beats did not come before nothing moved any more")
    if stream.first is not None:
        lines.append(f"first at {stream.first.place}: got {stream.first.got}, want {stream.first.want}")
    elif stream.said:
        lines.append(stream.said)
    return "\n".join([f"{stream.name} ({stream.op}) on {simulator}: {lines[0]}", *lines[1:]])


def _case(suite: Xml.Element, where: str, name: str, seconds: float, kind: str, text: str) -> None:
    case = Xml.SubElement(suite, "testcase", classname=where, name=name, time=f"{seconds:.3f}")
    if kind:
        shown = "".join(c if c.isprintable() or c == "\n" else "?" for c in text)
        Xml.SubElement(case, kind, message=shown.partition("\n")[0]).text = shown
