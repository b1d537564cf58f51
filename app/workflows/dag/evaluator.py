"""Evaluates expressions within bounds of steps and size, whatever they say and whatever they are given.

The parser of `expressions` has let only harmless syntax through. Here values are those of JSON, a field is a key of an
object and never an attribute of Python, and each step is paid from a budget by the size of what it touches.
"""

from __future__ import annotations

import ast
import json
import operator
from collections.abc import Callable, Mapping
from typing import Any

import simpleeval

from app.workflows.dag.expressions import CONSTANTS, FUNCTIONS, Expression, ExpressionError, parts

_MOST_WORK = 2_000_000
_STEP = 10
_LARGEST = 500_000
_MOST_DIGITS = 20
_WIDEST_NUMBER = 64


def evaluate(expression: Expression, scope: Mapping[str, Any]) -> Any:
    """The value, as JSON has it. Raises ExpressionError."""
    try:
        value = _Evaluator(scope).eval(expression.text, expression.tree)
        return json.loads(json.dumps(value, allow_nan=False))
    except ExpressionError as error:
        raise ExpressionError(f"{expression.text.strip()}: {error}") from None
    except (simpleeval.InvalidExpression, ArithmeticError, LookupError, TypeError, ValueError, RecursionError) as error:
        raise ExpressionError(f"{expression.text.strip()}: {error or type(error).__name__}.") from None


def rendered(value: Any, scope: Mapping[str, Any]) -> Any:
    """A configuration with the values of its expressions. A text that is one expression becomes its value.

    Raises ExpressionError.
    """
    if isinstance(value, str):
        found = parts(value)
        if len(found) == 1 and isinstance(found[0], Expression):
            return evaluate(found[0], scope)
        return "".join(_text(evaluate(each, scope)) if isinstance(each, Expression) else each for each in found)
    if isinstance(value, dict):
        return {key: rendered(each, scope) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [rendered(each, scope) for each in value]
    return value


class _Evaluator(simpleeval.EvalWithCompoundTypes):
    def __init__(self, scope: Mapping[str, Any]) -> None:
        self._work = 0
        self._sizes: dict[int, tuple[int, Any]] = {}
        super().__init__(
            operators={kind: self._paid(each) for kind, each in _OPERATORS.items()},
            functions={},
            names={**CONSTANTS, **scope},
        )
        self.functions = {name: self._paid(_FUNCTIONS[name]) for name in FUNCTIONS}

    def _check_disallowed_items(self, item: Any) -> None:
        """Of each step's value: it is JSON, and small. simpleeval would search it anew for functions and modules."""
        self._pay(_STEP)
        if isinstance(item, int) and item.bit_length() > _WIDEST_NUMBER:
            raise ExpressionError("a number grows beyond 64 bits.")
        if self._size(item) > _LARGEST:
            raise ExpressionError("a value grows too large.")

    def _eval_attribute(self, node: ast.Attribute) -> Any:
        return self._item(self._eval(node.value), node.attr)

    def _eval_subscript(self, node: ast.Subscript) -> Any:
        return self._item(self._eval(node.value), self._eval(node.slice))

    def _item(self, owner: Any, key: Any) -> Any:
        if isinstance(owner, dict):
            if key in owner:
                return owner[key]
            raise ExpressionError(f"there is no field {key!r}; there are {_listed(owner)}.")
        if isinstance(owner, list | tuple | str) and isinstance(key, int | slice):
            try:
                return owner[key]
            except IndexError:
                raise ExpressionError(f"there is no item {key}; there are {len(owner)}.") from None
        raise ExpressionError(f"{_kind(owner)} has no {key!r}.")

    def _paid(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*values: Any) -> Any:
            self._pay(sum(map(self._size, values)))
            return function(*values)

        return call

    def _pay(self, work: int) -> None:
        self._work += work
        if self._work > _MOST_WORK:
            raise ExpressionError("it takes too many steps.")

    def _size(self, item: Any) -> int:
        """Values within, and characters of texts. Each object is measured once: shared ones can stand for many."""
        if isinstance(item, str):
            return 1 + len(item)
        if not isinstance(item, dict | list | tuple):
            return 1
        if (known := self._sizes.get(id(item))) is not None:
            return known[0]
        within = [*item.keys(), *item.values()] if isinstance(item, dict) else item
        size = 1 + sum(map(self._size, within))
        self._pay(len(within))
        self._sizes[id(item)] = (size, item)  # held, so that its id stays its own
        return size


def _multiplied(left: Any, right: Any) -> Any:
    if not all(isinstance(each, int | float) for each in (left, right)):
        raise ExpressionError("only numbers are multiplied.")
    return left * right


def _remainder(left: Any, right: Any) -> Any:
    if not all(isinstance(each, int | float) for each in (left, right)):
        raise ExpressionError("only numbers have a remainder.")
    return left % right


def _get(owner: Any, key: Any, default: Any = None) -> Any:
    """A field or item, or the default where it is absent."""
    try:
        return owner[key]
    except (LookupError, TypeError):
        return default


def _joined(texts: list[Any], between: str = "") -> str:
    if len(texts) * len(between) > _LARGEST:
        raise ExpressionError("a value grows too large.")
    return between.join(map(_text, texts))


def _total(numbers: list[Any]) -> Any:
    return sum(numbers)  # without a start, which could be a list


def _rounded(number: float, digits: int = 0) -> float:
    if abs(digits) > _MOST_DIGITS:
        raise ExpressionError(f"round takes at most {_MOST_DIGITS} digits.")
    return round(number, digits) if digits else round(number)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _listed(owner: Mapping[str, Any]) -> str:
    names = [str(each) for each in list(owner)[:10]]
    return ", ".join(names) + ("..." if len(owner) > 10 else "") if names else "none"


def _kind(value: Any) -> str:
    return {dict: "an object", list: "a list", str: "a text", type(None): "null", bool: "a boolean"}.get(
        type(value), "a number"
    )


_OPERATORS: dict[type[ast.AST], Callable[..., Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: _multiplied,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: _remainder,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Not: operator.not_,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.In: lambda item, owner: item in owner,
    ast.NotIn: lambda item, owner: item not in owner,
    ast.Is: operator.is_,
    ast.IsNot: operator.is_not,
}
_FUNCTIONS: dict[str, Callable[..., Any]] = {
    **{each.__name__: each for each in (abs, all, any, bool, float, int, len, max, min, sorted)},
    "get": _get,
    "join": _joined,
    "keys": lambda owner: list(owner.keys()) if isinstance(owner, dict) else [],
    "lower": lambda text: _text(text).lower(),
    "round": _rounded,
    "split": lambda text, between: _text(text).split(between),
    "str": _text,
    "sum": _total,
    "upper": lambda text: _text(text).upper(),
    "values": lambda owner: list(owner.values()) if isinstance(owner, dict) else [],
}
