"""A function of the user's as text: read from a notebook cell, checked, and compiled again wherever it is needed.

The text knows no name but its own, Python's built-in ones and those that its `Signature` lists: so it means the
same in every process, and nothing has to be installed or imported there. It is ordinary Python: who compiles a
text, runs it.
"""

import ast
import builtins
import inspect
import math
import symtable
import textwrap
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from pdekit import checks

PLAIN = (bool, int, float, str, type(None))


class Words(str):
    """Text that an error shows as it is."""

    __repr__ = str.__str__


@dataclass(frozen=True)
class Signature:
    """What a function of the user's looks like: `kind` is what errors call it, `names` what it may use unasked."""

    kind: str
    name: str
    arguments: tuple[str, ...]
    names: Mapping[str, object] = field(compare=False)

    @property
    def heading(self) -> str:
        """What the first line of such a function looks like."""
        return f"def {self.name}({', '.join(self.arguments)}):"

    def source(self, given: object) -> str:
        """The text of `given`, a function made by `def` or such a text; ValueError for what cannot travel as text."""
        if isinstance(given, str):
            text = textwrap.dedent(given).strip()
        elif not inspect.isfunction(given) or given.__name__ == "<lambda>":
            remedy = f"write it with `{self.heading}` on a line of its own, and give its name"
            raise checks.refuse(self.kind, "a function made by def, or its text", given, remedy)
        else:
            try:
                text = textwrap.dedent(inspect.getsource(given)).strip()
            except (OSError, TypeError) as error:
                remedy = "define it in a cell or a file, or give its text"
                raise checks.refuse(self.kind, "a function whose text can be found", given, remedy) from error
        tree = self._parsed(text)
        if not isinstance(given, str):
            text = _with_values(self.kind, text, tree, given)
            tree = self._parsed(text)
        self._refuse_unknown_names(text, tree)
        return text

    def compiled(self, text: str) -> Callable:
        """The function of `text`. It is code: this runs it."""
        return _compiled(self, text)

    def call(self, text: str, *arguments: object) -> object:
        """What the function of `text` returns; an error in it as a ValueError that shows the line."""
        return self.guarded(text, lambda: self.compiled(text)(*arguments))

    def guarded(
        self, text: str, run: Callable[[], object], expected: str = "a function that runs on tensors"
    ) -> object:
        """`run()`, which runs code of `text`; an error in it as a ValueError that shows the line."""
        try:
            return run()
        except Exception as error:
            frames = traceback.extract_tb(error.__traceback__)
            numbers = [f.lineno for f in frames if f.filename == self._file]
            place = f" in line {numbers[-1]}: {_line(text, numbers[-1])}" if numbers else ""
            message = (str(error).splitlines() or [""])[0]
            got = Words(f"{type(error).__name__}{place}")
            raise checks.refuse(self.kind, expected, got, message) from error

    @property
    def _file(self) -> str:
        return f"<{self.kind} of one's own>"

    def _parsed(self, text: str) -> ast.FunctionDef:
        """The one function of `text`; ValueError if there is something else, or if it takes other arguments."""
        try:
            body = ast.parse(text).body
        except SyntaxError as error:
            line = Words(f"line {error.lineno}: {(error.text or '').strip()}")
            raise checks.refuse(self.kind, "a function in Python", line, str(error.msg)) from error
        if len(body) != 1 or not isinstance(body[0], ast.FunctionDef):
            expected = f"one function, `{self.heading} ...`"
            raise checks.refuse(self.kind, expected, text, "give that function alone")
        function = body[0]
        if function.decorator_list:
            got = Words("@" + ast.unparse(function.decorator_list[0]))
            raise checks.refuse(self.kind, "a function without decorators", got, "take the decorator away")
        its = function.args
        free = len(its.posonlyargs) + len(its.args) - len(its.defaults)
        if free != len(self.arguments) or None in its.kw_defaults or its.vararg or its.kwarg:
            got = Words(f"`{text.splitlines()[0]}`")
            remedy = "more arguments need a number as default, as in k=2.0"
            raise checks.refuse(self.kind, f"`{self.heading}`", got, remedy)
        return function

    def _refuse_unknown_names(self, text: str, tree: ast.FunctionDef) -> None:
        """ValueError that names the first name from outside `text`, and its line."""
        bare = ast.parse(text).body[0]
        for node in ast.walk(bare):  # annotations are never evaluated
            if isinstance(node, ast.arg):
                node.annotation = None
            elif isinstance(node, ast.FunctionDef):
                node.returns = None
        known = {*self.names, *dir(builtins), tree.name}
        unknown = _global_names(symtable.symtable(ast.unparse(bare), self.kind, "exec")) - known
        expected = f"names of its own and {', '.join(self.names)}"
        for node in ast.walk(tree):
            if isinstance(node, ast.Name) and node.id in unknown:
                got = Words(f"{node.id} in line {node.lineno}: {_line(text, node.lineno)}")
                default = f"{node.id}={node.id}"
                remedy = (
                    f"write its value, make it an argument with a default ({default}), or import it inside"
                )
                raise checks.refuse(self.kind, expected, got, remedy)
        if unknown:
            got = Words(", ".join(sorted(unknown)))
            raise checks.refuse(self.kind, expected, got, "define them inside")


def returned(text: str) -> str:
    """The last `return` of `text`, with its line: " from line 2: return u"; empty where there is none."""
    found = [n.lineno for n in ast.walk(ast.parse(text)) if isinstance(n, ast.Return)]
    return f" from line {max(found)}: {_line(text, max(found))}" if found else ""


@lru_cache(maxsize=64)
def _compiled(signature: Signature, text: str) -> Callable:
    import __future__

    flags = __future__.annotations.compiler_flag
    namespace = dict(signature.names)
    exec(compile(text, signature._file, "exec", flags=flags, dont_inherit=True), namespace)
    return namespace[signature._parsed(text).name]


def _with_values(kind: str, text: str, tree: ast.FunctionDef, function: Callable) -> str:
    """`text` with the values of defaults in the place of expressions such as `k=k`. ValueError for no plain value."""
    names = [a.arg for a in (*tree.args.posonlyargs, *tree.args.args)][-len(tree.args.defaults) or None :]
    nodes = dict(zip(names, tree.args.defaults, strict=False))
    nodes |= {a.arg: d for a, d in zip(tree.args.kwonlyargs, tree.args.kw_defaults, strict=True)}
    defaults = dict(zip(names, function.__defaults__ or (), strict=False)) | (function.__kwdefaults__ or {})
    lines = [line.encode() for line in text.splitlines()]  # ast counts bytes
    for name, node in sorted(nodes.items(), key=lambda item: (item[1].lineno, item[1].col_offset))[::-1]:
        value = defaults[name]
        if isinstance(value, (np.number, np.bool_)):
            value = value.item()
        if not isinstance(value, PLAIN) or node.lineno != node.end_lineno:
            got = Words(f"{name}={ast.unparse(node)}")
            raise checks.refuse(kind, "numbers as defaults of its arguments", got, "give the number")
        if isinstance(value, float) and not math.isfinite(value):
            raise checks.refuse(kind, "finite defaults", Words(f"{name}={value}"), "give a finite number")
        line = lines[node.lineno - 1]
        lines[node.lineno - 1] = line[: node.col_offset] + repr(value).encode() + line[node.end_col_offset :]
    return b"\n".join(lines).decode()


def _global_names(table: symtable.SymbolTable) -> set[str]:
    """The names that `table` and the functions in it look up outside of all of them."""
    top = table.get_type() == "module"
    symbols = table.get_symbols()
    mine = {s.get_name() for s in symbols if (s.is_referenced() if top else s.is_global())}
    return mine.union(*(_global_names(child) for child in table.get_children()))


def _line(text: str, number: int) -> str:
    return text.splitlines()[number - 1].strip()
