"""Arithmetic over parameters, for values that are derived and not searched: `learning_rate * batch_size / 256`.

A grammar of its own and no `eval`: nothing but numbers, names, `+ - * / **`, brackets and a few functions can be
written, and `lambda` is a name like any other. A name with signs such as `-` stands in backticks.
"""

import math
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

MAX_LENGTH = 500
MAX_DEPTH = 40
LARGEST_INT = 2**63

FUNCTIONS: Mapping[str, Callable[..., float]] = {
    "abs": abs,
    "ceil": math.ceil,
    "exp": math.exp,
    "floor": math.floor,
    "int": math.trunc,
    "log": math.log,
    "log2": math.log2,
    "log10": math.log10,
    "max": lambda *values: max(values),
    "min": lambda *values: min(values),
    "round": round,
    "sqrt": math.sqrt,
}
_SEVERAL = frozenset({"max", "min"})
_INFIX: Mapping[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
}
_TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)|(?P<name>[^\W\d][\w.]*)|`(?P<quoted>[^`]+)`|(?P<sign>\*\*|[-+*/(),]))"
)

Evaluate = Callable[[Mapping[str, object]], float]


class ExpressionError(ValueError):
    """The expression cannot be read, or has no value for these parameters."""


@dataclass(frozen=True)
class Expression:
    """An expression that has been read: the names it uses, and how to work it out."""

    text: str
    names: frozenset[str]
    evaluate: Evaluate

    def value(self, params: Mapping[str, object]) -> float:
        """Work the expression out; a missing or textual parameter, or an overflow, is an ExpressionError."""
        try:
            result = self.evaluate(params)
        except (ArithmeticError, ValueError, TypeError) as error:
            raise ExpressionError(f"{self.text}: {error}") from error
        if isinstance(result, int) and abs(result) > LARGEST_INT:
            raise ExpressionError(f"{self.text}: is too large a whole number")
        return result


@lru_cache(maxsize=1024)
def read(text: str) -> Expression:
    """Read an expression; what is wrong with it is said with its place."""
    if len(text) > MAX_LENGTH:
        raise ExpressionError(f"is longer than {MAX_LENGTH} characters")
    reader = _Reader(text)
    evaluate = reader.sum()
    reader.end()
    return Expression(text, frozenset(reader.names), evaluate)


class _Reader:
    """Recursive descent over the tokens of one expression."""

    def __init__(self, text: str) -> None:
        self.tokens = _split(text)
        self.at = 0
        self.depth = 0
        self.names: set[str] = set()

    def sum(self) -> Evaluate:
        self._deeper()
        left = self._product()
        while (sign := self._take("+", "-")) is not None:
            left = _apply(_INFIX[sign], left, self._product())
        self.depth -= 1
        return left

    def _product(self) -> Evaluate:
        left = self._signed()
        while (sign := self._take("*", "/")) is not None:
            left = _apply(_INFIX[sign], left, self._signed())
        return left

    def _signed(self) -> Evaluate:
        sign = 1
        while (found := self._take("+", "-")) is not None:
            sign = -sign if found == "-" else sign
        operand = self._power()
        return operand if sign > 0 else lambda params: -operand(params)

    def _power(self) -> Evaluate:
        left = self._atom()
        if self._take("**") is None:
            return left
        self._deeper()
        right = self._signed()
        self.depth -= 1
        return lambda params: _power(left(params), right(params))

    def _atom(self) -> Evaluate:
        kind, token, place = self._next()
        if kind == "number":
            number = int(token) if token.isdigit() else float(token)
            return lambda _: number
        if kind == "name" and self._take("("):
            return self._call(token, place)
        if kind in {"name", "quoted"}:
            self.names.add(token)
            return lambda params: _number(params, token)
        if token == "(":
            inside = self.sum()
            self._expect(")")
            return inside
        raise ExpressionError(f"'{token}' is not expected at character {place + 1}")

    def _call(self, name: str, place: int) -> Evaluate:
        if name not in FUNCTIONS:
            raise ExpressionError(f"'{name}' at character {place + 1} is not one of {', '.join(FUNCTIONS)}")
        arguments = [self.sum()]
        while self._take(","):
            arguments.append(self.sum())
        self._expect(")")
        if name not in _SEVERAL and len(arguments) > 1:
            raise ExpressionError(f"{name}() takes one argument")
        return lambda params: FUNCTIONS[name](*(argument(params) for argument in arguments))

    def _deeper(self) -> None:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise ExpressionError("is nested too deeply")

    def _next(self) -> tuple[str, str, int]:
        if self.at == len(self.tokens):
            raise ExpressionError("ends where a value is expected")
        self.at += 1
        return self.tokens[self.at - 1]

    def _take(self, *signs: str) -> str | None:
        if self.at < len(self.tokens) and self.tokens[self.at][0] == "sign" and self.tokens[self.at][1] in signs:
            self.at += 1
            return self.tokens[self.at - 1][1]
        return None

    def _expect(self, sign: str) -> None:
        if self._take(sign) is None:
            raise ExpressionError(f"'{sign}' is missing")

    def end(self) -> None:
        if self.at < len(self.tokens):
            _, token, place = self.tokens[self.at]
            raise ExpressionError(f"'{token}' is not expected at character {place + 1}")


def _split(text: str) -> list[tuple[str, str, int]]:
    tokens, place = [], 0
    while text[place:].strip():
        match = _TOKEN.match(text, place)
        if match is None or match.lastgroup is None:
            raise ExpressionError(f"cannot be read at character {place + 1}")
        tokens.append((match.lastgroup, match[match.lastgroup], match.start(match.lastgroup)))
        place = match.end()
    return tokens


def _apply(operation: Callable[[float, float], float], left: Evaluate, right: Evaluate) -> Evaluate:
    return lambda params: operation(left(params), right(params))


def _power(left: float, right: float) -> float:
    # Integers of any length are exact in Python: 9**9**9 would never end. As floats they overflow at once.
    result = float(left) ** float(right)
    if isinstance(result, complex):
        raise ValueError("has no real value")
    return float(result)


def _number(params: Mapping[str, object], name: str) -> float:
    value = params.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ExpressionError(f"'{name}' has no number here")
    return value
