"""PURE. The language of conditions, transforms and references: what an expression may say, and which nodes it names.

It is a part of Python: literals, fields and items, arithmetic, comparisons, `and`, `or`, `not`, `a if b else c`,
comprehensions and the functions of `FUNCTIONS`. Its names are `parameters`, `inputs` (the output of the node before;
with several before, an object of theirs by id) and `nodes.ID.output`, `.status` and `.error`; an id that is no name is
written `nodes["ID"]`. Nothing is evaluated here.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from threading import Lock

LONGEST = 2000
_DEEPEST = 40
_MOST_LOOPS = 3
NAMES = ("parameters", "inputs", "nodes")
CONSTANTS = {"true": True, "false": False, "null": None}
FUNCTIONS = frozenset(
    {"abs", "all", "any", "bool", "float", "get", "int", "join", "keys", "len", "lower", "max", "min", "round"}
    | {"sorted", "split", "str", "sum", "upper", "values"}
)
PARTS = ("output", "status", "error")
_TEMPLATE = re.compile(r"\{\{.*?\}\}", re.S)
# Python 3.11 counts the depth of all threads that parse in one place, and takes offence at what it finds there.
_PARSER = Lock()
_SYNTAX = (
    *(ast.Constant, ast.Name, ast.Attribute, ast.Subscript, ast.Slice, ast.List, ast.Tuple, ast.Dict),
    *(ast.Call, ast.keyword),
    *(ast.UnaryOp, ast.Not, ast.USub, ast.UAdd, ast.BoolOp, ast.And, ast.Or, ast.IfExp, ast.Compare),
    *(ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.In, ast.NotIn, ast.Is, ast.IsNot),
    *(ast.BinOp, ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod),
    *(ast.ListComp, ast.DictComp, ast.GeneratorExp, ast.comprehension, ast.Load, ast.Store),
)


class ExpressionError(ValueError):
    """A sentence of what is wrong with an expression."""


@dataclass(frozen=True, slots=True)
class Expression:
    text: str
    tree: ast.expr
    references: frozenset[str]
    """The ids of the nodes that it names."""
    inputs: bool
    """Whether it names what comes before its node."""


@lru_cache(maxsize=4096)
def parse(text: str) -> Expression:
    """Raises ExpressionError."""
    if len(text) > LONGEST:
        raise ExpressionError(f"an expression has at most {LONGEST} characters; this one has {len(text)}.")
    try:
        with _PARSER, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of doubtful escapes, which are the author's
            tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        said = error.msg if isinstance(error, SyntaxError) else "it is nested too deeply or has odd characters"
        raise ExpressionError(f"{_shown(text)} is no expression: {said}.") from None
    _check_shape(tree)
    bound = {each.id for each in ast.walk(tree) if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)}
    _check_names(tree, bound)
    return Expression(text, tree, frozenset(_references(tree)), "inputs" in _names(tree))


def parts(text: str) -> list[str | Expression]:
    """A text as its plain parts and the expressions between `{{` and `}}`. Raises ExpressionError."""
    found: list[str | Expression] = []
    position = 0
    while match := _TEMPLATE.search(text, position):
        if match.start() > position:
            found.append(text[position : match.start()])
        expression, position = _closed(text, match.start() + 2)
        found.append(expression)
    if position < len(text):
        found.append(text[position:])
    return found


def _closed(text: str, start: int) -> tuple[Expression, int]:
    """The expression that begins at `start`, and the place behind its `}}`, which objects within objects have too."""
    first: ExpressionError | None = None
    end = text.find("}}", start)
    while end >= 0 and end - start <= LONGEST:
        try:
            return parse(text[start:end]), end + 2
        except ExpressionError as error:
            first = first or error
        end = text.find("}}", end + 1)
    raise first or ExpressionError(f"an expression has at most {LONGEST} characters.")


def is_template(text: str) -> bool:
    return _TEMPLATE.search(text) is not None


def _check_shape(tree: ast.expr) -> None:
    loops = 0
    level: list[ast.AST] = [tree]
    for _ in range(_DEEPEST):
        for node in level:
            if not isinstance(node, _SYNTAX):
                raise ExpressionError(f"{type(node).__name__} is not part of the language of expressions.")
            if isinstance(node, ast.Constant) and not isinstance(node.value, str | int | float | None):
                raise ExpressionError(f"{node.value!r} is no value of JSON.")
            loops += isinstance(node, ast.comprehension)
        level = [child for node in level for child in ast.iter_child_nodes(node)]
        if not level:
            break
    if level:
        raise ExpressionError(f"an expression is nested at most {_DEEPEST} deep.")
    if loops > _MOST_LOOPS:
        raise ExpressionError(f"an expression has at most {_MOST_LOOPS} loops; this one has {loops}.")


def _check_names(tree: ast.expr, bound: set[str]) -> None:
    called = {id(each.func) for each in ast.walk(tree) if isinstance(each, ast.Call)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            if not isinstance(node.func, ast.Name) or node.func.id not in FUNCTIONS:
                said = ast.unparse(node.func)
                raise ExpressionError(f"{said} is no function. There are: {', '.join(sorted(FUNCTIONS))}.")
            if node.keywords:
                raise ExpressionError(f"{node.func.id} takes its arguments by position.")
        elif isinstance(node, ast.Attribute) and node.attr.startswith("_"):
            raise ExpressionError(f'.{node.attr} is not allowed; a field of this name is written ["{node.attr}"].')
        elif isinstance(node, ast.Name) and id(node) not in called and node.id not in {*NAMES, *CONSTANTS, *bound}:
            raise ExpressionError(f"{node.id} is unknown. The names are {', '.join(NAMES)}.")
    if taken := bound & {*NAMES, *CONSTANTS, *FUNCTIONS}:
        raise ExpressionError(f"{min(taken)} has a meaning of its own and cannot be the name of a loop.")


def _references(tree: ast.expr) -> Iterator[str]:
    owners = {id(child): node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Name) and node.id == "nodes"):
            continue
        owner = owners.get(id(node))
        reference = _key(owner)
        if owner is None or reference is None:
            raise ExpressionError('nodes is followed by the id of a node, as in nodes.fetch.output or nodes["a-b"].')
        if _key(part := owners.get(id(owner))) not in PARTS:
            said = f"{ast.unparse(part)} cannot be: " if part is not None else ""
            raise ExpressionError(f"{said}a node has {', '.join(PARTS)}.")
        yield reference


def _key(node: ast.AST | None) -> str | None:
    if isinstance(node, ast.Attribute):
        return node.attr
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, str):
        return node.slice.value
    return None


def _names(tree: ast.expr) -> set[str]:
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}


def _shown(text: str) -> str:
    return repr(text if len(text) <= 60 else f"{text[:60]}...")
