"""Mutation operators for SystemVerilog: every small, plausible mistake at every place of a module.

python proof/mutation/rtl/operators.py hwq_fifo      the mutants of a module
"""

from __future__ import annotations

import hashlib
import re
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from verilog import KEYWORDS, OPEN, PRECEDENCE, Source, read

ROOT = Path(__file__).resolve().parents[3]
RTL = ROOT / "templates" / "rtl"

REPLACED = {
    "+": ("-",), "-": ("+",), "*": ("+",), "/": ("*",), "%": ("+",),
    "<<<": (">>>",), ">>>": ("<<<", ">>"), "<<": (">>",), ">>": ("<<",),
    "<": ("<=", ">="), "<=": ("<", ">"), ">": (">=", "<="), ">=": (">", "<"), "==": ("!=",), "!=": ("==",),
    "&&": ("||",), "||": ("&&",), "&": ("|",), "|": ("&",), "^": ("|",),
}  # fmt: skip
"""What each binary operator becomes."""
DROPPED = ("&&", "||", "&", "|", "^", "+", "-", "<<", "<<<", ">>", ">>>")
"""Binary operators that lose an operand: the first, where order is free, and the second."""
COMMUTES = ("&&", "||", "&", "|", "^", "+")
UNARY = {"!": ("",), "~": ("",), "-": ("",), "&": ("|",), "|": ("&",), "^": ("|",)}
_STAGE = re.compile(r"([A-Za-z_]+?_?)(\d+)(_\w+)?")
_SIZED = re.compile(r"(\d+)'([sS]?)([bdh])([0-9a-fA-F]+)")
_RADIX = {"b": 2, "d": 10, "h": 16}


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change of one module: the text from `start` to `end`, which is `old`, becomes `new`."""

    module: str
    operator: str
    line: int
    column: int
    start: int
    end: int
    old: str
    new: str
    key: str
    """Names the mutant as long as its line, its operator and the lines' order stay."""
    blocks: tuple[str, ...] = ()
    """Named blocks around it, the innermost first."""

    def applied(self, text: str) -> str:
        """The mutated module; as many lines as before."""
        lines = "\n" * (self.old.count("\n") - self.new.count("\n"))
        return text[: self.start] + self.new + lines + text[self.end :]


Change = tuple[str, int, int, str]
"""Operator, where the text stands that changes, and what it becomes."""


def mutants(module: str, text: str) -> list[Mutant]:
    """All mutants of a module in an order that a hash gives: the first of them are a fair sample."""
    found: dict[tuple[int, int, str], Mutant] = {}
    seen: Counter[str] = Counter()
    results = {text}
    source = read(text)
    blocks = source.blocks()
    for operator, start, end, new in _changes(source):
        old = text[start:end]
        result = text[:start] + new + text[end:]
        if result in results:
            continue
        results.add(result)
        line = text.count("\n", 0, start) + 1
        first = text.rindex("\n", 0, start) + 1
        whole = text[first : text.index("\n", start)].strip()
        name = f"{module} {operator} {whole} {old} {new}"
        seen[name] += 1
        key = hashlib.sha256(f"{name} {seen[name]}".encode()).hexdigest()[:12]
        around = tuple(block for begin, behind, block in reversed(blocks) if begin <= start < behind)
        found[start, end, new] = Mutant(module, operator, line, start - first + 1, start, end, old, new, key, around)
    return sorted(found.values(), key=lambda mutant: mutant.key)


def _changes(source: Source) -> Iterator[Change]:
    words = {token.text for token in source.tokens if token.kind == "word"}
    for at, token in enumerate(source.tokens):
        if at in source.fixed and token.text != "signed":
            continue
        if token.kind == "operator":
            yield from _operator(source, at)
        elif token.kind == "number":
            yield from (("constant", token.start, token.end, new) for new in _numbers(token.text))
        elif token.kind == "word":
            yield from _word(source, at, words)


def _operator(source: Source, at: int) -> Iterator[Change]:
    token = source.tokens[at]
    if at in source.assigns:
        yield from _statement(source, at)
    elif source.is_binary(at):
        yield from (("operator", token.start, token.end, new) for new in REPLACED.get(token.text, ()))
        level = PRECEDENCE[token.text]
        if token.text in DROPPED:
            left, right = source.left_of(at, level), source.right_of(at, level)
            yield "operand", token.start, source.tokens[right - 1].end, ""
            if token.text in COMMUTES:
                yield "operand", source.tokens[left].start, token.end, ""
    elif token.text in UNARY:
        yield from (("unary", token.start, token.end, new) for new in UNARY[token.text])
    elif token.text == "?":
        yield from _choice(source, at)


def _choice(source: Source, at: int) -> Iterator[Change]:
    """`c ? a : b` as `a`, as `b`, and the other way round."""
    start, end = source.span(source.left_of(at, 0), at)
    yield "choice", start, end, "1'b1"
    yield "choice", start, end, "1'b0"
    yield "choice", start, end, f"!({source.text[start:end]})"


def _statement(source: Source, at: int) -> Iterator[Change]:
    """An assignment in a process is left out."""
    if at not in source.procedural or (source.tokens[at].text == "=" and _in_brackets(source, at)):
        return
    first = at - 1
    while source.tokens[first].text == "]":
        first = source.partner[first] - 1
    first = source.partner[first] if source.tokens[first].text == "}" else first
    end = source.statement_end(at)
    yield "assignment", source.tokens[first].start, source.tokens[end - 1].start, ""


def _in_brackets(source: Source, at: int) -> bool:
    return any(source.tokens[opening].text in OPEN and opening < at < closing
               for opening, closing in source.partner.items() if source.tokens[opening].text == "(")  # fmt: skip


def _numbers(text: str) -> Iterator[str]:
    """One more and one less, within the bits of a sized constant; all bits inverted for one of no size."""
    if text in ("'0", "'1"):
        yield "'1" if text == "'0" else "'0"
    elif text.isdigit():
        yield str(int(text) + 1)
        if int(text) > 0:
            yield str(int(text) - 1)
    elif match := _SIZED.fullmatch(text):
        bits, sign, base, digits = match.groups()
        value, top = int(digits, _RADIX[base]), 1 << int(bits)
        for near in dict.fromkeys(((value + 1) % top, (value - 1) % top)):
            if near != value:
                yield f"{bits}'{sign}{base}{near:{'b' if base == 'b' else 'd' if base == 'd' else 'x'}}"


def _word(source: Source, at: int, words: set[str]) -> Iterator[Change]:
    token = source.tokens[at]
    if token.text in ("signed", "$signed"):
        yield "sign", token.start, token.end, ""
    elif token.text == "if":
        start, end = source.span(at + 2, source.partner[at + 1])
        condition = source.text[start:end]
        yield from (("condition", start, end, new) for new in ("1'b1", "1'b0", f"!({condition})"))
    elif token.text == "else" and at in source.procedural:
        yield "else", token.start, source.tokens[source.statement_end(at + 1) - 1].end, ""
    elif token.text in ("case", "casez"):
        yield from _cases(source, at)
    elif token.text not in KEYWORDS and (match := _STAGE.fullmatch(token.text)) and not _is_named(source, at):
        before, number, after = match.groups("")
        for near in (int(number) - 1, int(number) + 1):
            if (other := f"{before}{near}{after}") in words:
                yield "stage", token.start, token.end, other


def _is_named(source: Source, at: int) -> bool:
    """Whether the word is a port, a function that is called, or what an assignment writes."""
    behind = at + 1
    while source.tokens[behind].text == "[":
        behind = source.partner[behind] + 1
    return source.tokens[at - 1].text == "." or source.tokens[at + 1].text == "(" or behind in source.assigns


def _cases(source: Source, at: int) -> Iterator[Change]:
    """The labels of two neighbouring cases swapped."""
    labels: list[tuple[int, int]] = []
    item = source.partner[at + 1] + 1
    while source.tokens[item].text != "endcase":
        colon = item
        while source.tokens[colon].text != ":":
            colon = source.partner.get(colon, colon) + 1
        if source.tokens[item].text != "default":
            labels.append(source.span(item, colon))
        item = source.statement_end(colon + 1)
    for (start, end), (start2, end2) in pairwise(labels):
        text = source.text
        yield "cases", start, end2, text[start2:end2] + text[end:start2] + text[start:end]


def library() -> dict[str, list[Mutant]]:
    """The mutants of each module of the library."""
    return {path.stem: mutants(path.stem, path.read_text("utf-8")) for path in sorted(RTL.glob("hwq_*.sv"))}


def main() -> None:
    """Print the mutants of some modules, or of all."""
    chosen = sys.argv[1:] or [path.stem for path in sorted(RTL.glob("hwq_*.sv"))]
    for module in chosen:
        for mutant in mutants(module, (RTL / f"{module}.sv").read_text("utf-8")):
            where = f"{module}:{mutant.line}:{mutant.column}"
            print(f"{mutant.key} {where} {mutant.operator}: {mutant.old!r} -> {mutant.new!r}")


if __name__ == "__main__":
    main()
