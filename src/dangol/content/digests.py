"""What a digest tells of each message that it holds, and what its text may say about them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from jinja2 import nodes

from dangol.content.dialect import Finding
from dangol.content.filter_kinds import Kind
from dangol.definitions.document import did_you_mean

SCOPE = "digest"
"""The namespace that only the text of a digest has."""
FACTS: Mapping[str, Kind] = {"items": Kind.LIST, "count": Kind.NUMBER}
"""``digest.…``: the messages it holds, and how many they are."""
FIELDS = frozenset({"subject", "preheader", "link"})
"""What each of ``digest.items`` has. ``link`` is empty where the message leads nowhere."""

_LINK = re.compile(r"https?://[^\s<>]+", re.IGNORECASE)
_AFTER_LINK = ".,;:!?)]}'\""
_FOOTER = "\n-- \n"


def first_link(text: str) -> str:
    """The first web link of an email's plain text, or nothing. What stands in its footer is the brand's."""
    body, footer, whole = text.rpartition(_FOOTER)
    found = _LINK.search(body if footer else whole)
    return found[0].rstrip(_AFTER_LINK) if found else ""


def mistakes(tree: nodes.Template) -> Iterator[Finding]:
    """What a text asks of the messages of its digest that none of them has."""
    for loop in tree.find_all(nodes.For):
        if not (_is_items(loop.iter) and isinstance(loop.target, nodes.Name)):
            continue
        asked = [(one.node, one.attr, one.lineno) for one in loop.find_all(nodes.Getattr)]
        asked += [(one.node, str(getattr(one.arg, "value", "")), one.lineno) for one in loop.find_all(nodes.Getitem)]
        for owner, field, line in asked:
            if _is_named(owner, loop.target.name) and field not in FIELDS:
                message = f"a message of a digest has no `{field}`; it has {', '.join(sorted(FIELDS))}"
                yield Finding(line, "unknown-fact", message, field, did_you_mean(field, FIELDS))


def _is_items(node: nodes.Node) -> bool:
    return isinstance(node, nodes.Getattr) and node.attr == "items" and _is_named(node.node, SCOPE)


def _is_named(node: nodes.Node, name: str) -> bool:
    return isinstance(node, nodes.Name) and node.name == name
