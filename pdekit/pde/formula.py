"""Formulas of the coordinates as plain text, such as "sin(pi*y)": evaluated on arrays, and nothing else is executed."""

import ast
import operator
from collections.abc import Callable, Mapping

import numpy as np

from pdekit import checks

FUNCTIONS: dict[str, Callable[..., np.ndarray]] = {
    name: getattr(np, name)
    for name in ("sin", "cos", "tan", "tanh", "exp", "log", "sqrt", "abs", "minimum", "maximum", "where")
}
OPERATORS: dict[type, Callable[..., object]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_,
    ast.Invert: operator.invert,
}
Value = float | str
GRAMMAR = f"numbers, x, y, z, pi, + - * / **, comparisons, & | ~, and {', '.join(FUNCTIONS)}"


def evaluate(text: str, places: Mapping[str, np.ndarray]) -> np.ndarray:
    """The value of formula `text` where the coordinates are `places` ({"x": array, ...}); ValueError if it is none."""
    known = {"pi": np.pi, **places}

    def value(node: ast.AST) -> object:
        match node:
            case ast.Constant(value=int() | float() as number):
                return number
            case ast.Name(id=name) if name in known:
                return known[name]
            case ast.BinOp(left=left, op=op, right=right) if type(op) in OPERATORS:
                return OPERATORS[type(op)](value(left), value(right))
            case ast.UnaryOp(op=op, operand=operand) if type(op) in OPERATORS:
                return OPERATORS[type(op)](value(operand))
            case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in OPERATORS:
                return OPERATORS[type(op)](value(left), value(right))
            case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]) if name in FUNCTIONS:
                return FUNCTIONS[name](*map(value, arguments))
        raise checks.refuse("formula", GRAMMAR, ast.unparse(node), "write it with these alone")

    try:
        tree = ast.parse(text, mode="eval")
    except SyntaxError as error:
        raise checks.refuse("formula", GRAMMAR, text, str(error)) from error
    return np.asarray(value(tree.body))


def checked(name: str, value: object) -> object:
    """`value` if it is a finite number or a formula that can be evaluated; ValueError otherwise."""
    if not isinstance(value, str):
        return checks.number(name, value)
    with np.errstate(all="ignore"):
        evaluate(value, dict.fromkeys("xyz", np.linspace(0.0, 1.0, 3)))
    return value


def on_nodes(value: float | str, shape: tuple[int, ...]) -> np.ndarray:
    """A number or a formula at the nodes of a grid of `shape` on unit square or cube: (*shape), float64."""
    axes = [np.linspace(0.0, 1.0, n) for n in shape]
    places = dict(zip("xyz", reversed(np.meshgrid(*axes, indexing="ij")), strict=False))
    if not isinstance(value, str):
        return np.full(shape, float(value))
    with np.errstate(all="ignore"):
        field = np.broadcast_to(evaluate(value, places), shape)
    if not np.isfinite(field).all():
        place = tuple(int(k) for k in np.argwhere(~np.isfinite(field))[0])
        raise checks.refuse(
            "formula", "finite values at every node", f"{value!r} at index {place}", "mend it"
        )
    return np.array(field, dtype=bool if field.dtype == bool else np.float64)
