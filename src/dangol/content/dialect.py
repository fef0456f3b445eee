"""The part of Jinja that messages may use, checked before anything runs.

Allowed are outputs, ``if``, ``for`` over a list, ``set``, comparisons, arithmetic on numbers, the filters and tests of
``filters`` and the brand's macros. There are no attributes of Python objects, no methods, no functions and no other
files, so there is nothing to reach for. What remains is bounded when it runs; see ``sandbox``.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from jinja2 import nodes

from dangol.content.filters import TESTS
from dangol.definitions.document import did_you_mean

FACTS = frozenset({"profile", "event", "links", "digest"})

_ALLOWED = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.If, nodes.For, nodes.Assign, nodes.Name, nodes.Const,
    nodes.Getattr, nodes.Getitem, nodes.Filter, nodes.Test, nodes.Compare, nodes.Operand, nodes.And, nodes.Or,
    nodes.Not,
    nodes.CondExpr, nodes.Add, nodes.Sub, nodes.Mul, nodes.Div, nodes.FloorDiv, nodes.Mod, nodes.Neg, nodes.Pos,
    nodes.Concat, nodes.List, nodes.Tuple, nodes.Keyword, nodes.Call, nodes.Macro,
)  # fmt: skip
_NAMES_OF_NODES: dict[type[nodes.Node], str] = {
    nodes.Pow: "`**`",
    nodes.Import: "`import`",
    nodes.FromImport: "`from … import`",
    nodes.Include: "`include`",
    nodes.Extends: "`extends`",
    nodes.Block: "`block`",
    nodes.CallBlock: "`call`",
    nodes.FilterBlock: "`filter` as a block",
    nodes.AssignBlock: "`set` as a block",
    nodes.With: "`with`",
    nodes.Dict: "a mapping in `{}`",
    nodes.Slice: "a slice",
    nodes.NSRef: "`namespace`",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """Something a message may not say, or a fact it needs. ``word`` is what to look for in the line."""

    line: int
    code: str
    message: str
    word: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Fact:
    """``profile.name``, ``event.value`` or ``links.preferences``, where a template uses it."""

    scope: str
    name: str
    line: int


@dataclass(frozen=True, slots=True)
class Reading:
    """What a look at a template's tree tells."""

    findings: tuple[Finding, ...]
    facts: tuple[Fact, ...]
    macros: frozenset[str]


def read(
    tree: nodes.Template,
    *,
    filters: Mapping[str, Callable[..., Any]],
    macros: Mapping[str, nodes.Macro],
    names: frozenset[str] = FACTS,
    defines_macros: bool = False,
) -> Reading:
    """Check a tree against the dialect. ``names`` are the values it may use, ``macros`` what it may call."""
    reader = _Reader(filters, macros, names, defines_macros)
    reader.locals = _assigned(tree)
    reader.visit(tree, None)
    return Reading(tuple(reader.findings), tuple(reader.facts), frozenset(reader.called))


def _assigned(tree: nodes.Node) -> frozenset[str]:
    stored = {name.name for name in tree.find_all(nodes.Name) if name.ctx in {"store", "param"}}
    return frozenset(stored | ({"loop"} if next(tree.find_all(nodes.For), None) else set()))


@dataclass(slots=True)
class _Reader:
    filters: Mapping[str, Callable[..., Any]]
    macros: Mapping[str, nodes.Macro]
    names: frozenset[str]
    defines_macros: bool
    locals: frozenset[str] = frozenset()
    findings: list[Finding] = field(default_factory=list)
    facts: list[Fact] = field(default_factory=list)
    called: set[str] = field(default_factory=set)

    def refuse(self, node: nodes.Node, code: str, message: str, word: str = "", hint: str = "") -> None:
        self.findings.append(Finding(node.lineno, code, message, word, hint))

    def visit(self, node: nodes.Node, parent: nodes.Node | None) -> None:
        if not isinstance(node, _ALLOWED) or (isinstance(node, nodes.Macro) and not self.defines_macros):
            name = _NAMES_OF_NODES.get(type(node), f"`{type(node).__name__.lower()}`")
            hint = "macros are defined in templates/brand/macros.j2" if isinstance(node, nodes.Macro) else ""
            self.refuse(node, "not-available", f"{name} is not available in messages", hint=hint)
            return
        if check := _CHECKS.get(type(node)):
            check(self, node, parent)
        for child in self._children(node):
            self.visit(child, node)

    def _children(self, node: nodes.Node) -> Iterator[nodes.Node]:
        if isinstance(node, nodes.Call):  # the callee is checked here; a name alone would be no value
            yield from node.args
            yield from node.kwargs
        else:
            yield from node.iter_child_nodes()

    def name(self, node: nodes.Name, parent: nodes.Node | None) -> None:
        if node.ctx != "load":
            if node.name in FACTS | self.names | self.macros.keys() or node.name.startswith("_"):
                self.refuse(node, "reserved-name", f"`{node.name}` cannot be set here", node.name)
        elif node.name in FACTS & self.names:
            if not isinstance(parent, nodes.Getattr | nodes.Getitem):
                message = f"`{node.name}` alone is not a text"
                self.refuse(node, "not-a-text", message, node.name, f"write `{node.name}.` and what of it you mean")
        elif node.name not in self.names | self.locals:
            self._unknown_name(node)

    def _unknown_name(self, node: nodes.Name) -> None:
        if node.name in {"voice", "brand"}:
            message = f"`{node.name}` stands only for itself"
            self.refuse(
                node, "not-available", message, node.name, f"write `{{{{ {node.name}.… }}}}` and nothing else in it"
            )
        elif node.name in self.macros:
            self.refuse(node, "not-a-text", f"`{node.name}` is a macro", node.name, f"write `{node.name}()`")
        else:
            known = self.names | self.locals
            self.refuse(
                node, "unknown-name", f"found the unknown name `{node.name}`", node.name, did_you_mean(node.name, known)
            )

    def attribute(self, node: nodes.Getattr, _: nodes.Node | None) -> None:
        self._member(node, node.node, node.attr)

    def item(self, node: nodes.Getitem, _: nodes.Node | None) -> None:
        if not (isinstance(node.arg, nodes.Const) and isinstance(node.arg.value, str | int)):
            self.refuse(node, "not-available", "only a name or a number can stand in `[]`")
        else:
            self._member(node, node.node, node.arg.value)

    def _member(self, node: nodes.Node, owner: nodes.Node, member: str | int) -> None:
        if isinstance(member, str) and member.startswith("_"):
            self.refuse(
                node, "not-available", f"`{member}` is private; names that start with `_` cannot be used", member
            )
        elif isinstance(owner, nodes.Name) and owner.name in FACTS & self.names:
            self.facts.append(Fact(owner.name, str(member), node.lineno))

    def filter(self, node: nodes.Filter, _: nodes.Node | None) -> None:
        function = self.filters.get(node.name)
        if function is None:
            hint = did_you_mean(node.name, frozenset(name for name in self.filters if not name.startswith("_")))
            self.refuse(node, "unknown-filter", f"found the unknown filter `{node.name}`", node.name, hint)
        elif node.node is None or node.dyn_args or node.dyn_kwargs:
            self.refuse(node, "not-available", "`*` and `**` arguments are not available in messages", node.name)
        else:
            try:
                given: dict[str, Any] = {str(keyword.key): keyword for keyword in node.kwargs}
                inspect.signature(function).bind(node.node, *node.args, **given)
            except TypeError as error:
                self.refuse(node, "wrong-arguments", f"`{node.name}`: {error}", node.name)

    def test(self, node: nodes.Test, _: nodes.Node | None) -> None:
        if node.name not in TESTS:
            hint = did_you_mean(node.name, frozenset(TESTS))
            self.refuse(node, "unknown-test", f"found the unknown test `is {node.name}`", node.name, hint)
        elif node.args or node.kwargs or node.dyn_args or node.dyn_kwargs:
            self.refuse(node, "wrong-arguments", f"`is {node.name}` takes nothing", node.name)

    def call(self, node: nodes.Call, _: nodes.Node | None) -> None:
        if not isinstance(node.node, nodes.Name):
            self.refuse(
                node, "not-available", "only the brand's macros can be called", hint="see templates/brand/macros.j2"
            )
            return
        name = node.node.name
        if (macro := self.macros.get(name)) is None:
            hint = did_you_mean(name, frozenset(self.macros))
            self.refuse(node, "unknown-macro", f"found the unknown macro `{name}()`", name, hint)
        elif node.dyn_args or node.dyn_kwargs:
            self.refuse(node, "not-available", "`*` and `**` arguments are not available in messages", name)
        else:
            self.called.add(name)
            self._arguments(node, macro)

    def _arguments(self, node: nodes.Call, macro: nodes.Macro) -> None:
        parameters = [parameter.name for parameter in macro.args]
        given = [*parameters[: len(node.args)], *(keyword.key for keyword in node.kwargs)]
        needed = parameters[: len(parameters) - len(macro.defaults)]
        if len(node.args) > len(parameters) or not set(needed) <= set(given) <= set(parameters):
            expected = f"{macro.name}({', '.join(parameters)})"
            self.refuse(node, "wrong-arguments", f"expected `{expected}`", macro.name)

    def loop(self, node: nodes.For, _: nodes.Node | None) -> None:
        if node.recursive:
            self.refuse(node, "not-available", "`recursive` is not available in messages", "recursive")

    def collection(self, node: nodes.List | nodes.Tuple, _: nodes.Node | None) -> None:
        unpacks = isinstance(node, nodes.Tuple) and node.ctx == "store"
        if not unpacks and not all(isinstance(item, nodes.Const) for item in node.items):
            self.refuse(node, "not-available", "a list in a message holds only plain texts and numbers")


_CHECKS: dict[type[nodes.Node], Callable[[_Reader, Any, nodes.Node | None], None]] = {
    nodes.Name: _Reader.name,
    nodes.Getattr: _Reader.attribute,
    nodes.Getitem: _Reader.item,
    nodes.Filter: _Reader.filter,
    nodes.Test: _Reader.test,
    nodes.Call: _Reader.call,
    nodes.For: _Reader.loop,
    nodes.List: _Reader.collection,
    nodes.Tuple: _Reader.collection,
}


def circle(macros: Mapping[str, frozenset[str]]) -> tuple[str, ...]:
    """A way by which a macro comes to call itself, or nothing. ``macros`` gives what each one calls."""
    done: set[str] = set()

    def follow(name: str, path: tuple[str, ...]) -> tuple[str, ...]:
        if name in path:
            return (*path[path.index(name) :], name)
        if name in done or name not in macros:
            return ()
        found = next(filter(None, (follow(called, (*path, name)) for called in sorted(macros[name]))), ())
        done.add(name)
        return found

    return next(filter(None, (follow(name, ()) for name in macros)), ())


def column(line: str, word: str) -> int:
    """Where a word stands in a line, from 1; the line's first character if it is not there."""
    match = re.search(rf"(?<![\w]){re.escape(word)}(?![\w])", line) if word else None
    return match.start() + 1 if match else len(line) - len(line.lstrip()) + 1
