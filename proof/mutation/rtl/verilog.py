"""SystemVerilog as tokens: as much of its grammar as hwq's RTL library uses, to find what may be mutated.

Comments, strings and attributes are of no interest; code for synthesis vendors and for checks (`` `ifdef``) is left
out.  What a position is part of (header, declaration, operand) is found by walking over balanced brackets.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_LEXEME = re.compile(
    r"""(?P<space>\s+|//[^\n]*|/\*.*?\*/|\(\*\s.*?\*\))
    |(?P<string>"(?:\\.|[^"\\])*")
    |(?P<directive>`[^\n]*)
    |(?P<number>\d*'[sS]?[bodhBODH][0-9a-fA-F_xzXZ?]+|'[01xz]|\d[\d_]*)
    |(?P<word>[A-Za-z_$][\w$]*)
    |(?P<operator><<<=?|>>>=?|===|!==|<<|>>|<=|>=|==|!=|&&|\|\||\*\*|\+:|-:|::|\+\+|--|~\^|.)""",
    re.VERBOSE | re.DOTALL,
)
_DEFAULT_BRANCH = re.compile(r"`(ifdef|ifndef|elsif|else|endif)\b\s*(\w*)")
TYPES = {"logic", "wire", "reg", "int", "bit", "genvar", "localparam", "parameter"}
KEYWORDS = TYPES | {
    "always", "always_comb", "always_ff", "assign", "automatic", "begin", "case", "casez", "default", "else", "end",
    "endcase", "endfunction", "endgenerate", "endmodule", "for", "function", "generate", "if", "initial", "input",
    "module", "negedge", "output", "posedge", "signed",
}  # fmt: skip
OPEN, CLOSE = {"(": ")", "[": "]", "{": "}"}, {")", "]", "}"}
PRECEDENCE = {
    op: level
    for level, ops in enumerate(
        (("||",), ("&&",), ("|",), ("^", "~^"), ("&",), ("==", "!="), ("<", "<=", ">", ">="),
         ("<<", ">>", "<<<", ">>>"), ("+", "-"), ("*", "/", "%"), ("**",)), 1
    )
    for op in ops
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Token:
    """A lexeme: what it is, where it starts, and the line it is on (from 1)."""

    kind: str
    text: str
    start: int
    line: int

    @property
    def end(self) -> int:
        """Where it ends."""
        return self.start + len(self.text)


@dataclass(slots=True)
class Source:
    """The tokens of one module in order, and what is known of each by its number."""

    text: str
    tokens: list[Token] = field(default_factory=list)
    partner: dict[int, int] = field(default_factory=dict)
    """Opening bracket to closing one, and back."""
    fixed: set[int] = field(default_factory=set)
    """Tokens that are not mutated: headers and what is declared."""
    procedural: set[int] = field(default_factory=set)
    assigns: set[int] = field(default_factory=set)
    """Tokens `<=` and `=` that assign."""

    def is_operand_end(self, at: int) -> bool:
        """Whether an operand can end at the token, so that an operator after it is binary."""
        token = self.tokens[at]
        return (
            token.kind in ("number", "string")
            or token.text in CLOSE
            or (token.kind == "word" and token.text not in KEYWORDS)
        )

    def is_binary(self, at: int) -> bool:
        """Whether the token is an operator with two operands."""
        return self.tokens[at].text in PRECEDENCE and at not in self.assigns and self.is_operand_end(at - 1)

    def _ends_operand(self, at: int, level: int) -> bool:
        token = self.tokens[at]
        if token.text in (",", ";", "?", ":", "=") or at in self.assigns or token.text in KEYWORDS:
            return True
        return self.is_binary(at) and PRECEDENCE[token.text] <= level

    def left_of(self, at: int, level: int) -> int:
        """The first token of the operand that ends before token `at`, of operators that bind closer than `level`."""
        first = at
        while first > 0 and self.tokens[first - 1].text not in OPEN and not self._ends_operand(first - 1, level):
            first = self.partner.get(first - 1, first - 1)
        return first

    def right_of(self, at: int, level: int) -> int:
        """The token after the operand that begins after token `at`."""
        last = at + 1
        while self.tokens[last].text not in CLOSE and (last == at + 1 or not self._ends_operand(last, level)):
            last = self.partner.get(last, last) + 1
        return last

    def statement_end(self, at: int) -> int:
        """The token after the statement that begins at token `at`."""
        word = self.tokens[at].text
        if word in ("begin", "case", "casez"):
            closing = "end" if word == "begin" else "endcase"
            opening = {"begin"} if word == "begin" else {"case", "casez"}
            depth = 0
            for k in range(at, len(self.tokens)):
                depth += (self.tokens[k].text in opening) - (self.tokens[k].text == closing)
                if depth == 0:
                    return k + 1
        if word in ("if", "for"):
            end = self.statement_end(self.partner[at + 1] + 1)
            if word == "if" and self.tokens[end].text == "else":
                end = self.statement_end(end + 1)
            return end
        while self.tokens[at].text != ";":
            at = self.partner.get(at, at) + 1
        return at + 1

    def blocks(self) -> list[tuple[int, int, str]]:
        """Where each named block stands, outer ones first, and its name; so do the conditions that choose it."""
        tokens, found = self.tokens, []
        for at in range(len(tokens) - 2):
            if name := self._name_of(at):
                found.append((*self.span(at, self.statement_end(at)), name))
            if tokens[at].text == "if":
                then = self.partner[at + 1] + 1
                behind = self.statement_end(then) if self._name_of(then) else then
                for begin in (then, behind + 1):
                    if name := self._name_of(begin):
                        found.append((*self.span(at + 2, then - 1), name))
        return found

    def _name_of(self, at: int) -> str:
        """The name of the block that begins at a token."""
        begins = at + 2 < len(self.tokens) and self.tokens[at].text == "begin" and self.tokens[at + 1].text == ":"
        return self.tokens[at + 2].text if begins else ""

    def span(self, first: int, after: int) -> tuple[int, int]:
        """Where the text of tokens `first` to before `after` stands."""
        return self.tokens[first].start, self.tokens[after - 1].end


def read(text: str) -> Source:
    """The tokens of a module that simulators and synthesisers all see."""
    source = Source(text, _visible(text))
    tokens, waiting = source.tokens, []
    for at, token in enumerate(tokens):
        if token.text in OPEN and token.kind == "operator":
            waiting.append(at)
        elif token.text in CLOSE:
            opening = waiting.pop()
            source.partner[opening], source.partner[at] = at, opening
    _mark_headers(source)
    _mark_statements(source)
    return source


def _visible(text: str) -> list[Token]:
    """Tokens outside of what a macro switches on, and outside of checks (``ifndef SYNTHESIS``)."""
    found: list[Token] = []
    shown = [True]
    line = 1
    for match in _LEXEME.finditer(text):
        kind, lexeme = str(match.lastgroup), match.group()
        if kind == "directive" and (branch := _DEFAULT_BRANCH.match(lexeme)):
            word, name = branch.groups()
            if word in ("ifdef", "ifndef"):
                shown.append(word == "ifndef" and name != "SYNTHESIS")
            elif word == "endif":
                shown.pop()
            else:
                shown[-1] = word == "else"
        elif kind not in ("space", "directive") and all(shown):
            found.append(Token(kind, lexeme, match.start(), line))
        line += lexeme.count("\n")
    return found


def _mark_headers(source: Source) -> None:
    """Fix the headers of module and functions, and in declarations all before their value."""
    tokens = source.tokens
    at = next(k for k, token in enumerate(tokens) if token.text == "module")
    body = source.statement_end(at)
    value = False  # of a local parameter of the header
    for k in range(body):
        if tokens[k].text == "localparam":
            value = True
        elif tokens[k].text == "parameter" or (value and tokens[k].text == ")" and source.partner[k] == at + 3):
            value = False
        if not value or not _behind_equals(source, k):
            source.fixed.add(k)
    k = body
    while k < len(tokens):
        if tokens[k].text == "function":
            end = source.statement_end(k)
            source.fixed.update(range(k, end))
            k = end
        elif tokens[k].text in TYPES and tokens[k - 1].text != "(":
            while tokens[k].text not in ("=", ";"):
                source.fixed.add(k)
                k += 1
        else:
            k += 1


def _behind_equals(source: Source, at: int) -> bool:
    while source.tokens[at].text not in (",", "localparam", "parameter"):
        at = source.partner.get(at, at) - 1 if source.tokens[at].text in CLOSE else at - 1
        if source.tokens[at].text == "=":
            return True
    return False


def _mark_statements(source: Source) -> None:
    """Find what runs in processes and functions, and which `<=` and `=` assign."""
    tokens = source.tokens
    for at, token in enumerate(tokens):
        if token.text in ("always_ff", "always_comb", "always"):
            start = source.partner[at + 2] + 1 if tokens[at + 1].text == "@" else at + 1
            source.procedural.update(range(start, source.statement_end(start)))
        elif token.text == "function":
            end = next(k for k in range(at, len(tokens)) if tokens[k].text == "endfunction")
            source.procedural.update(range(source.statement_end(at), end))
    depth, assigned = 0, False
    for at, token in enumerate(tokens):
        if token.kind == "operator":
            depth += (token.text in OPEN) - (token.text in CLOSE)
        if token.text in (";", "begin", "else", "end") or (token.text == ":" and not assigned):
            assigned = False
        elif token.text == "=" or (token.text == "<=" and depth == 0 and not assigned and at in source.procedural):
            source.assigns.add(at)
            assigned = assigned or depth == 0
