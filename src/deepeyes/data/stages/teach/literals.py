"""What a piece of code prints although it computed nothing: constants, and names that only hold constants.

`code = "7PK2"; print(f"It says {code}")` prints a constant; `print(len(boxes))` does not. What always holds:
only plain constants, f-strings, tuples, signs and joins of them count, so code that looked at anything is
never suspected.
"""

from __future__ import annotations

import ast

_SHOWS = ("print", "display")


def printed_constants(tree: ast.Module) -> list[str]:
    """Each text that the module's own statements show and that is made of constants alone, in order."""
    known: dict[str, str] = {}
    shown: list[str] = []
    for place, node in enumerate(tree.body):
        if isinstance(node, ast.Assign):
            value = constant_text(node.value, known)
            for target in node.targets:
                if isinstance(target, ast.Name):
                    _note(known, target.id, value)
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value:
            _note(known, node.target.id, constant_text(node.value, known))
        elif isinstance(node, ast.Expr):
            shown += _shown(node.value, known, last=place == len(tree.body) - 1)
        else:
            for inner in ast.walk(node):  # a name that a loop or a branch sets again is no constant
                if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store):
                    known.pop(inner.id, None)
    return shown


def _shown(node: ast.expr, known: dict[str, str], *, last: bool) -> list[str]:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _SHOWS:
        texts = [constant_text(argument, known) for argument in node.args]
        return [text for text in texts if text is not None]
    text = constant_text(node, known) if last else None
    return [] if text is None else [text]


def constant_text(node: ast.expr, known: dict[str, str]) -> str | None:
    """The text of an expression made of constants alone; None for any other."""
    match node:
        case ast.Constant(value=value):
            return None if value is None or value is ... else str(value)
        case ast.Name(id=name):
            return known.get(name)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            inner = constant_text(operand, known)
            return None if inner is None else f"-{inner}"
        case ast.JoinedStr(values=values) | ast.Tuple(elts=values) | ast.List(elts=values):
            texts = [constant_text(value, known) for value in values]
            between = "" if isinstance(node, ast.JoinedStr) else ", "
            return None if None in texts else between.join(text for text in texts if text is not None)
        case ast.FormattedValue(value=value):
            return constant_text(value, known)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            one, other = constant_text(left, known), constant_text(right, known)
            return None if one is None or other is None else one + other
        case ast.Call(func=ast.Name(id="str"), args=[argument]):
            return constant_text(argument, known)
        case _:
            return None


def _note(known: dict[str, str], name: str, value: str | None) -> None:
    if value is None:
        known.pop(name, None)
    else:
        known[name] = value
