"""What a message's texts cannot do without: values that they use without asking first whether they are there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from jinja2 import Environment, TemplateError, nodes

_SCOPES = frozenset({"profile", "event"})
_ASKS = frozenset({"present", "defined", "undefined", "none"})
_PARSER = Environment()  # noqa: S701 - it only parses


def needed(sources: Mapping[str, str], message: str) -> frozenset[str]:
    """``event.order_id``, ``profile.name`` …: what at least one text of the message, in any channel or locale, needs.

    Texts that cannot be parsed need nothing; their check says what is wrong with them.
    """
    found: set[str] = set()
    for path, text in sources.items():
        if path.startswith(f"templates/{message}/"):
            try:
                found |= set(_used(_PARSER.parse(text), frozenset()))
            except (TemplateError, RecursionError):
                continue
    return frozenset(found)


def _used(node: nodes.Node, asked: frozenset[str]) -> Iterator[str]:
    """What is used below ``node`` beyond what was ``asked`` about on the way."""
    match node:
        case nodes.If():
            yield from _used(node.test, asked)
            yield from _below(node.body, asked | _present(node.test))
            yield from _below([*node.elif_, *node.else_], asked)
        case nodes.CondExpr():
            yield from _used(node.test, asked)
            yield from _used(node.expr1, asked | _present(node.test))
            yield from _below([node.expr2] if node.expr2 else [], asked)
        case nodes.And():
            yield from _used(node.left, asked)
            yield from _used(node.right, asked | _present(node.left))
        case nodes.Test() if node.name in _ASKS and _fact(node.node):
            pass
        case nodes.Filter(name="default") if node.node is not None and _fact(node.node):
            yield from _below([*node.args, *node.kwargs], asked)
        case nodes.Getattr() | nodes.Getitem() if fact := _fact(node):
            yield from () if fact in asked else (fact,)
        case _:
            yield from _below(node.iter_child_nodes(), asked)


def _below(children: Iterator[nodes.Node] | list[nodes.Node], asked: frozenset[str]) -> Iterator[str]:
    for child in children:
        yield from _used(child, asked)


def _present(test: nodes.Node) -> frozenset[str]:
    """What is there whenever ``test`` holds."""
    if isinstance(test, nodes.And):
        return _present(test.left) | _present(test.right)
    if isinstance(test, nodes.Test) and test.name in {"present", "defined"} and (fact := _fact(test.node)):
        return frozenset({fact})
    return frozenset()


def _fact(node: nodes.Node) -> str:
    """``event.order_id``, if the node is that; else empty."""
    owner = node.node if isinstance(node, nodes.Getattr | nodes.Getitem) else None
    if not isinstance(owner, nodes.Name) or owner.name not in _SCOPES:
        return ""
    if isinstance(node, nodes.Getattr):
        return f"{owner.name}.{node.attr}"
    key = node.arg if isinstance(node, nodes.Getitem) else None
    return f"{owner.name}.{key.value}" if isinstance(key, nodes.Const) else ""
