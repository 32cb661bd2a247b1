"""The words of an expression: what may stand in its text, before Python's parser sees it.

Expressions are a small part of Python's. People write them with the habits of other languages, so what is left out is
named here, together with what to write instead. The limits on length and nesting keep the parser safe from hostile
text. This file must not know what an expression means.
"""

from __future__ import annotations

import keyword
import re
from dataclasses import dataclass

from saga.schema.exact_numbers import exact_number
from saga.schema.expressions.errors import ExpressionProblem

MAX_LENGTH = 4096
"""Characters in one expression."""
MAX_BRACKETS = 32
"""How many brackets may stand inside each other."""
QUOTED = r'"(?:[^"\\\n]|\\.)*"|' + r"'(?:[^'\\\n]|\\.)*'"
"""A regular expression for one quoted text."""

_TOKEN = re.compile(
    rf"""(?P<space>\s+)
    | (?P<text>{QUOTED})
    | (?P<number>(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?(?![\w.]))
    | (?P<odd_number>[0-9][\w.]*)
    | (?P<name>[^\W\d]\w*)
    | (?P<foreign>&&|\|\||===|!==|\*\*|<<|>>|<>|:=|=>|=<|->|\?\?|\?\.|//=|[-+*/%]=|\$\{{\{{)
    | (?P<symbol>//|[=!<>]=|[-+*/%<>=.,:()\[\]{{}}])
    | (?P<stray>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(r"\\(?:[\\\"'nrt]|(?!u0000|u[dD][89a-fA-F])u[0-9a-fA-F]{4}|(u[0-9a-fA-F]{4}|.))", re.DOTALL)
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
_PAIRS = {")": "(", "]": "[", "}": "{"}
_WORDS = frozenset(("and", "or", "not", "in", "is", "if", "else", "for"))
_CONSTANTS = frozenset(("None", "True", "False"))

_INSTEAD = {
    "&&": "write and",
    "||": "write or",
    "!": "write not",
    "===": "write ==",
    "!==": "write !=",
    "<>": "write !=",
    "=>": "write >=",
    "=<": "write <=",
    "??": "write a if a is not None else b",
    "?.": "write a point alone; null has null members",
    "?": "write a if condition else b",
    "|": "write or between conditions; functions are called as in len(items)",
    "&": "write and between conditions",
    "**": "multiply instead; powers are not part of expressions",
    "#": "comments stand outside of expressions, after a YAML #",
    "${{": "only text values need the braces; a condition is written without them",
    "$": "write the name alone, such as input.order_id",
    "`": "write texts in double or single quotes",
    ";": "write one expression",
    "@": "write the name alone, such as input.order_id",
}
_INSTEAD_OF_WORD = {
    "lambda": "write a comprehension, such as [item.price for item in input.items]",
    "await": "expressions only compute; a step does the work",
    "yield": "expressions only compute; a step does the work",
    "async": "write for alone",
    "elif": "write a if first else b if second else c",
    "pass": 'write "pass" in quotes for a text',
}


@dataclass(frozen=True, slots=True)
class Token:
    """One word or sign. ``start`` counts characters from 0."""

    kind: str
    """``text``, ``number``, ``name`` or ``symbol``."""
    text: str
    start: int

    @property
    def ends_operand(self) -> bool:
        """Whether a value may end here."""
        return (
            self.kind in ("text", "number") or self.text in _PAIRS or (self.kind == "name" and self.text not in _WORDS)
        )

    @property
    def starts_operand(self) -> bool:
        """Whether only a new value can start here."""
        return self.kind in ("text", "number") or self.text == "{" or (self.kind == "name" and self.text not in _WORDS)


def tokens_of(source: str) -> tuple[Token, ...]:
    """The words of an expression, without the space between them. Raises ExpressionProblem."""
    if not source.strip():
        raise ExpressionProblem("the expression is empty", 1, "write such as input.order_id")
    if len(source) > MAX_LENGTH:
        message = f"the expression has {len(source)} characters, {MAX_LENGTH} are allowed"
        raise ExpressionProblem(message, MAX_LENGTH + 1, "compute it in a step")
    tokens: list[Token] = []
    open_brackets: list[Token] = []
    for match in _TOKEN.finditer(source):
        if match.lastgroup == "space":
            continue
        token = Token(match.lastgroup or "", match[0], match.start())
        _check(token, tokens[-1] if tokens else None, source)
        if token.kind == "symbol":
            _match_bracket(token, open_brackets)
        tokens.append(token)
    if open_brackets:
        raise _problem(open_brackets[-1], f'"{open_brackets[-1].text}" is never closed', "close it")
    return tuple(tokens)


def _check(token: Token, before: Token | None, source: str) -> None:
    """Refuses a token that no expression has, or that cannot follow the one before."""
    member = before is not None and before.text == "."
    if token.kind == "text":
        _check_text(token, before)
    elif token.kind == "name":
        _check_name(token, member)
    elif token.kind == "number":
        _check_number(token)
    elif token.kind == "odd_number":
        raise _problem(token, f'"{token.text}" is not a number', _number_hint(token.text))
    elif token.kind in ("foreign", "stray"):
        raise _foreign(token, source)
    if token.text == "." and (before is None or not before.ends_operand):
        raise _problem(token, '"." follows no value', "write 0.5 for a fraction, input.order_id for a member")
    if before is None:
        return
    if member and token.kind != "name":
        raise _problem(token, f'after "." comes a name, not {token.text[:20]}', _member_hint(token))
    if before.ends_operand and token.starts_operand:
        raise _problem(
            token, f"something is missing between {before.text[:20]} and {token.text[:20]}", _gap_hint(before, token)
        )


def _check_text(token: Token, before: Token | None) -> None:
    touching = before is not None and before.start + len(before.text) == token.start
    if before is not None and touching and before.kind == "name" and before.text not in _WORDS:
        if "f" in before.text.lower() and len(before.text) <= 2:
            raise _problem(
                before, "f-strings are not part of expressions", "write text around ${{ }}, or join texts with +"
            )
        raise _problem(before, f"{before.text} stands right before a quote", "write the quotes alone")
    for escape in _ESCAPE.finditer(token.text):
        if escape[1]:
            hint = r"write \\ for a backslash; \n \r \t \" \' and characters such as \u00e9 are known"
            raise ExpressionProblem(f'"{escape[0]}" is not known in texts', token.start + escape.start() + 1, hint)
    if flaw := _UNSTORABLE.search(token.text):
        message = f"a text cannot hold the character {flaw[0]!a}"
        raise ExpressionProblem(message, token.start + flaw.start() + 1, "remove it")


def _check_name(token: Token, member: bool) -> None:
    name = token.text
    if member and (keyword.iskeyword(name) or name.startswith("_") or not name.isascii()):
        raise _problem(token, f'"{name}" cannot follow a point', f'write ["{name}"] in place of .{name}')
    if not name.isascii():
        raise _problem(token, f'"{name}" is not a name; names have the letters a to z', "texts stand in quotes")
    if name.startswith("_"):
        raise _problem(token, f'"{name}" is not a name; names start with a letter', "choose another name")
    if keyword.iskeyword(name) and not member and name not in _WORDS and name not in _CONSTANTS:
        raise _problem(
            token, f'"{name}" is not part of expressions', _INSTEAD_OF_WORD.get(name, "texts stand in quotes")
        )


def _check_number(token: Token) -> None:
    try:
        exact_number(token.text)
    except ValueError as error:
        cause, _, advice = str(error).partition("; ")
        raise _problem(token, cause, advice) from None


def _foreign(token: Token, source: str) -> ExpressionProblem:
    if token.text in ('"', "'"):
        return _problem(token, "the quote is never closed", f"close it with {token.text} on the same line")
    if token.text[-1] == "=" and token.text[0] in "+-*/%:":
        return _problem(token, f'"{token.text}" assigns; expressions only compute', "write == to compare")
    if token.text == "${{" and not source[: token.start].strip():
        return _problem(token, "this is an expression already", "write it without ${{ }}")
    shown = f'"{token.text}"' if token.text.isprintable() else f"the character {token.text!a}"
    return _problem(token, f"{shown} is not part of expressions", _INSTEAD.get(token.text, "texts stand in quotes"))


def _match_bracket(token: Token, open_brackets: list[Token]) -> None:
    if token.text in _PAIRS.values():
        if len(open_brackets) == MAX_BRACKETS:
            raise _problem(token, f"more than {MAX_BRACKETS} brackets stand inside each other", "compute it in steps")
        open_brackets.append(token)
    elif token.text in _PAIRS:
        if not open_brackets:
            raise _problem(token, f'"{token.text}" closes nothing', "remove it, or open it before")
        opened = open_brackets.pop()
        if opened.text != _PAIRS[token.text]:
            raise _problem(token, f'"{token.text}" does not close "{opened.text}"', "close the inner bracket first")


def _number_hint(text: str) -> str:
    if re.fullmatch(r"[0-9]+(?:d|h|m|s|ms)(?:[0-9]+(?:h|m|s|ms))*", text):
        return f'write duration("{text}")'
    if re.fullmatch(r"0[0-9]+", text):
        return f"write {text.lstrip('0') or '0'}, or quotes for a text"
    if "_" in text:
        return f"write {text.replace('_', '')}"
    return "write decimal digits, such as 1000 or 0.5; texts stand in quotes"


def _member_hint(token: Token) -> str:
    if token.kind == "number":
        return f"write [{token.text}] for an element of a list"
    return "write such as input.order_id"


def _gap_hint(before: Token, token: Token) -> str:
    for word in (token.text, before.text):
        if word.lower() in _WORDS:
            return f"write {word.lower()} in small letters"
    if token.kind == before.kind == "text":
        return "write + to join texts, a comma between elements"
    return "write an operator or a comma between them"


def _problem(token: Token, message: str, hint: str) -> ExpressionProblem:
    return ExpressionProblem(message, token.start + 1, hint)
