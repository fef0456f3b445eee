"""What kind of value each part of a text gives, as far as the tracking plan tells: mistakes found before anything runs.

Only what is certain is told. A value whose kind nobody knows, such as a member of a list, fits everywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from jinja2 import nodes

from dangol.content.dialect import Finding
from dangol.content.filter_kinds import FILTERS, PRINTED, WRITTEN, Kind, refusal

Known = Callable[[str, str], Kind | None]
"""The kind of ``profile.name`` or ``event.value``; None if nobody knows."""

_LOOP: Mapping[str, Kind] = {
    **dict.fromkeys(("index", "index0", "length", "revindex"), Kind.NUMBER),
    **dict.fromkeys(("first", "last"), Kind.TRUTH),
}
_ORDER = {"lt": "<", "lteq": "<=", "gt": ">", "gteq": ">="}
_ARITHMETIC = (nodes.Add, nodes.Sub, nodes.Mul, nodes.Div, nodes.FloorDiv, nodes.Mod)


def mistakes(tree: nodes.Template, macros: Mapping[str, nodes.Macro], known: Known) -> list[Finding]:
    """What cannot work in a text, whoever gets it."""
    reader = _Reader(macros, known)
    reader.body(tree.body, {})
    return list(dict.fromkeys(reader.findings))


Names = dict[str, Kind | None]


@dataclass(slots=True)
class _Reader:
    macros: Mapping[str, nodes.Macro]
    known: Known
    findings: list[Finding] = field(default_factory=list)
    called_from: int = 0
    """The line of the macro call that is being read; 0 outside."""

    def wrong(self, node: nodes.Node, message: str, word: str = "", hint: str = "") -> None:
        self.findings.append(Finding(self.called_from or node.lineno, "wrong-kind", message, word, hint))

    def body(self, body: list[nodes.Node], names: Names) -> None:
        for node in body:
            self.statement(node, names)

    def statement(self, node: nodes.Node, names: Names) -> None:
        match node:
            case nodes.Output():
                for part in node.nodes:
                    self.printed(part, names)
            case nodes.Assign(target=nodes.Name(name=name)):
                names[name] = self.kind(node.node, names)
            case nodes.If():
                self.kind(node.test, names)
                branches = [dict(names) for _ in range(2 + len(node.elif_))]
                self.body(node.body, branches[0])
                self.body(node.else_, branches[1])
                for elif_, branch in zip(node.elif_, branches[2:], strict=True):
                    self.statement(elif_, branch)
                names |= {
                    name: _one([branch.get(name) for branch in branches]) for branch in branches for name in branch
                }
            case nodes.For():
                self.loop(node, names)
            case nodes.Expr():
                self.kind(node, names)
            case _:
                pass

    def printed(self, node: nodes.Expr, names: Names) -> None:
        if isinstance(node, nodes.TemplateData):
            return
        kind = self.kind(node, names)
        if kind not in PRINTED | {None}:
            hint = (
                "ask with `{% if … %}`" if kind is Kind.TRUTH else "write it with `join`" if kind is Kind.LIST else ""
            )
            self.wrong(node, f"expected text or a number; {_shown(node)} is {kind}", _word(node), hint)

    def loop(self, node: nodes.For, names: Names) -> None:
        kind = self.kind(node.iter, names)
        if kind not in {Kind.LIST, None}:
            self.wrong(node, f"`for` goes through a list; {_shown(node.iter)} is {kind}", _word(node.iter))
        inner = {**names, **{name.name: None for name in node.target.find_all(nodes.Name)}}
        if isinstance(node.target, nodes.Name):
            inner[node.target.name] = None
        if node.test is not None:
            self.kind(node.test, inner)
        self.body(node.body, inner)
        self.body(node.else_, dict(names))

    def kind(self, node: nodes.Node, names: Names) -> Kind | None:
        match node:
            case nodes.Const(value=value):
                return _of(value)
            case nodes.Name(name=name):
                return names.get(name)
            case nodes.Getattr() | nodes.Getitem():
                return self.member(node, names)
            case nodes.List() | nodes.Tuple():
                return Kind.LIST
            case nodes.Filter():
                return self.filter(node, names)
            case nodes.Test():
                self.kind(node.node, names)
                return Kind.TRUTH
            case nodes.Compare():
                self.comparison(node, names)
                return Kind.TRUTH
            case nodes.Not():
                self.kind(node.node, names)
                return Kind.TRUTH
            case nodes.And() | nodes.Or():
                return _one([self.kind(node.left, names), self.kind(node.right, names)])
            case nodes.CondExpr():
                self.kind(node.test, names)
                other = self.kind(node.expr2, names) if node.expr2 is not None else None
                return _one([self.kind(node.expr1, names), other])
            case nodes.Concat():
                for part in node.nodes:
                    self.printed(part, names)
                return Kind.TEXT
            case nodes.Neg() | nodes.Pos():
                return self.number(node.node, "-" if isinstance(node, nodes.Neg) else "+", names)
            case nodes.BinExpr() if isinstance(node, _ARITHMETIC):
                self.number(node.left, node.operator, names)
                self.number(node.right, node.operator, names)
                if isinstance(node.right, nodes.Const) and node.right.value == 0 and node.operator in {"/", "//", "%"}:
                    self.wrong(node, "a number is divided by zero")
                return Kind.NUMBER
            case nodes.Call():
                return self.call(node, names)
            case _:
                return None

    def number(self, node: nodes.Expr, operator: str, names: Names) -> Kind:
        kind = self.kind(node, names)
        if kind not in {Kind.NUMBER, None}:
            hint = "join texts with `~`" if kind in WRITTEN else ""
            self.wrong(node, f"`{operator}` is for numbers; {_shown(node)} is {kind}", _word(node), hint)
        return Kind.NUMBER

    def member(self, node: nodes.Getattr | nodes.Getitem, names: Names) -> Kind | None:
        name = node.attr if isinstance(node, nodes.Getattr) else getattr(node.arg, "value", "")
        if isinstance(node.node, nodes.Name) and node.node.name not in names:
            return _LOOP.get(str(name)) if node.node.name == "loop" else self.known(node.node.name, str(name))
        kind = self.kind(node.node, names)
        if kind not in {Kind.LIST, None}:
            self.wrong(node, f"{_shown(node.node)} is {kind} and has no `{name}`", _word(node))
        return None

    def comparison(self, node: nodes.Compare, names: Names) -> None:
        left, kind = node.expr, self.kind(node.expr, names)
        for operand in node.ops:
            right, other = operand.expr, self.kind(operand.expr, names)
            if operand.op in _ORDER and kind and other:
                if not ({kind, other} == {Kind.NUMBER} or {kind, other} <= WRITTEN):
                    message = (
                        f"{_shown(left)} is {kind} and {_shown(right)} is {other}; `{_ORDER[operand.op]}` compares"
                    )
                    self.wrong(node, f"{message} numbers, or dates", _word(left))
            elif operand.op in {"in", "notin"} and other not in {Kind.LIST, None} | WRITTEN:
                self.wrong(node, f"`in` looks into a list or a text; {_shown(right)} is {other}", _word(right))
            left, kind = right, other

    def filter(self, node: nodes.Filter, names: Names) -> Kind | None:
        assert node.node is not None
        kind = self.kind(node.node, names)
        given = [self.kind(argument, names) for argument in (*node.args, *(one.value for one in node.kwargs))]
        if node.name == "default":
            return kind if given and kind == given[0] else None
        told = FILTERS.get(node.name)
        if told is None:
            return None
        if kind is not None and kind not in told.takes:
            expected = " or ".join(sorted(told.takes)) if len(told.takes) < 3 else "another kind of value"
            self.wrong(node, f"`{node.name}` takes {expected}; {_shown(node.node)} is {kind}", node.name)
        elif why := refusal(node, told):
            self.wrong(node, f"`{node.name}`: {why}", node.name)
        return told.gives

    def call(self, node: nodes.Call, names: Names) -> Kind | None:
        macro = self.macros.get(node.node.name) if isinstance(node.node, nodes.Name) else None
        given = [self.kind(argument, names) for argument in node.args]
        named = {one.key: self.kind(one.value, names) for one in node.kwargs}
        if macro is None:
            return None
        parameters: Names = {parameter.name: None for parameter in macro.args}
        for parameter, default in zip(reversed(macro.args), reversed(macro.defaults), strict=False):
            parameters[parameter.name] = self.kind(default, {})
        parameters |= dict(zip(parameters, given, strict=False)) | {
            name: kind for name, kind in named.items() if name in parameters
        }
        outside, self.called_from = self.called_from, self.called_from or node.lineno
        self.body(macro.body, parameters)
        self.called_from = outside
        return Kind.TEXT


def _of(value: object) -> Kind | None:
    match value:
        case None:
            return Kind.NOTHING
        case bool():
            return Kind.TRUTH
        case int() | float():
            return Kind.NUMBER
        case str():
            return Kind.TEXT
        case _:
            return None


def _one(kinds: list[Kind | None]) -> Kind | None:
    """The kind that all are of; None if they differ or one is not known."""
    return kinds[0] if len(set(kinds)) == 1 else None


def _shown(node: nodes.Node) -> str:
    match node:
        case nodes.Const(value=str(value)):
            return f"`{value[:40]!r}`"
        case nodes.Const(value=value):
            return f"`{value}`"
        case nodes.Name(name=name):
            return f"`{name}`"
        case nodes.Getattr(node=nodes.Name(name=owner), attr=name):
            return f"`{owner}.{name}`"
        case _:
            return "what stands here"


def _word(node: nodes.Node) -> str:
    return node.attr if isinstance(node, nodes.Getattr) else node.name if isinstance(node, nodes.Name) else ""
