"""Mutants of a Python file, made by the operators of cosmic-ray; those that cannot change anything are left out."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator, operator_names

BINARY = "ReplaceBinaryOperator_"
IDENTITY = ("_Is", "_IsNot")


@dataclass(frozen=True)
class Mutant:
    """A file with one change; `was` and `now` are the lines that differ, without indentation.

    `number` counts equal changes of equal lines.
    """

    line: int
    was: str
    now: str
    source: str
    number: int = 1

    @property
    def key(self) -> str:
        """What names the mutant wherever the line stands."""
        return f"{self.was} -> {self.now}" + (f" #{self.number}" if self.number > 1 else "")


def mutants(source: str, near: Mapping[str, Sequence[str]] | None = None) -> Iterator[Mutant]:
    """All mutants of `source`, each once.

    Parameters
    ----------
    near
        What each binary operator is replaced by; every other one where this is None.
    """
    parts = [part.get_code() for part in get_ast(source).children]
    equal: Counter[str] = Counter()
    for number, part in enumerate(parts):
        seen = {None, _meaning(part)}
        for changed in _changes(part, near):
            meaning = _meaning(changed)
            if meaning not in seen:
                seen.add(meaning)
                mutant = _mutant(source, "".join([*parts[:number], changed, *parts[number + 1 :]]))
                equal[mutant.key] += 1
                yield replace(mutant, number=equal[mutant.key])


def _changes(part: str, near: Mapping[str, Sequence[str]] | None) -> Iterator[str]:
    """A statement of a module after each of its mutations."""
    nodes = list(ast_nodes(get_ast(part)))
    for name in operator_names():
        operator_class = get_operator(name)
        if _wanted(name, near) and not operator_class.arguments():
            operator = operator_class()
            count = sum(len(list(operator.mutation_positions(node))) for node in nodes)
            yield from (mutate_code(part, operator, occurrence) for occurrence in range(count))


def _wanted(name: str, near: Mapping[str, Sequence[str]] | None) -> bool:
    """Not `is` in place of `==`, which differs by what CPython keeps once; of binary operators those that are near."""
    operator = name.split("/")[1]
    if operator.startswith("ReplaceComparisonOperator_") and operator.endswith(IDENTITY):
        return "_Is" in operator.removesuffix("_IsNot").removesuffix("_Is")
    if not operator.startswith(BINARY) or near is None:
        return True
    old, new = operator.removeprefix(BINARY).split("_")
    return new in near.get(old, ())


def _meaning(source: str) -> str | None:
    """The syntax tree without what counts for nothing; None where the text has none.

    That are annotations of arguments and results, which are never evaluated, and which negative number stands for the
    size that `reshape` finds by itself.
    """
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return None
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef():
                node.returns = None
            case ast.arg():
                node.annotation = None
            case ast.AnnAssign():
                node.annotation = ast.Name("Any")
            case ast.Call(func=ast.Attribute(attr="reshape")):
                node.args = [ast.Constant(-1) if _negative(size) else size for size in node.args]
    return ast.dump(tree)


def _negative(node: ast.expr) -> bool:
    match node:
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int(value))):
            return value > 0
        case ast.UnaryOp(op=ast.Invert(), operand=ast.Constant(value=int(value))):
            return value >= 0
    return False


def _mutant(source: str, changed: str) -> Mutant:
    before, after = source.splitlines(), changed.splitlines()
    first = next(i for i, (a, b) in enumerate(zip(before, after, strict=False)) if a != b)
    tail = len(before) - len(after)
    last = first + 1 + max(tail, 0)
    while before[last:] != after[last - tail :]:
        last += 1
    was, now = (
        " / ".join(line.strip() for line in lines) for lines in (before[first:last], after[first : last - tail])
    )
    return Mutant(first + 1, was, now, changed)
