"""What a fact is about, as far as the words beside it say so.

Two facts of one kind whose roles are known and differ are two different facts: what shipping costs and what a
record costs. A role that is not known may be any.
"""

from __future__ import annotations

import re

from dangol.editor.facts.model import Kind

_WINDOW = 24

_MOMENT = (
    (
        "until",
        r"(?:until|till|by|through|before|valid to|ends?(?: on)?|expires?(?: on)?|deadline:?|"
        r"마감|만료|기한|~|–) ?(?:the )?$",
        r"^ ?(?:\([^)]{1,5}\))? ?(?:까지|마감|이전|전까지)",
    ),
    (
        "from",
        r"(?:from|since|starting|starts?(?: on| at)?|begins?(?: on| at)?|opens?(?: on| at)?|after) ?(?:the )?$",
        r"^ ?(?:\([^)]{1,5}\))? ?(?:부터|이후|시작|에 시작)",
    ),
)
_PRICE = (
    (
        "was",
        r"(?:was|were|instead of|regularly|normally|usually|down from|before:?|전에는|정가|원래|원래는|기존) ?$",
        r"^ ?(?:에서(?! ?\d)|이?었|이?던)",
    ),
    (
        "shipping",
        r"(?:shipping|delivery|postage|배송비|배송료|택배비)(?: fee| cost| costs)?(?:는|은|가)?(?: is|:)? ?$",
        r"^ ?(?:(?:for|of) )?(?:shipping|delivery|postage|의 배송비)",
    ),
    (
        "minimum",
        r"(?:over|above|at least|minimum|orders? of|more than|spend|최소) ?$",
        r"^ ?(?:or more|and up|minimum|이상|넘게|초과)",
    ),
    (
        "reward",
        r"(?:credit|reward|credits|points|적립금|적립|리워드)(?:은|이|을)?(?: of|:)? ?$",
        r"^ ?(?:in )?(?:credit|credits|reward|back|store credit|을 적립|의? ?적립|어치 포인트)",
    ),
    (
        "off",
        r"(?:off|save|discount of|할인|할인율)(?:은|이)? ?$",
        r"^ ?(?:off|discount|less|할인|깎|내려|저렴|을 할인|을 깎|을 빼)",
    ),
)
_SPAN = (
    ("before", r"(?!x)x", r"^ ?(?:before|ago|earlier|전)"),
    ("within", r"(?:within|in) ?(?:the next )?$", r"^ ?(?:안에|이내|내에|안으로)"),
    ("after", r"(?:after) ?$", r"^ ?(?:later|after|뒤|후|지나)"),
    ("for", r"(?:for|lasts?) ?(?:the next |another )?$", r"^ ?(?:동안|간(?![가-힣]))"),
)
_BY_KIND = {
    Kind.DATE: _MOMENT,
    Kind.TIME: _MOMENT,
    Kind.WEEKDAY: _MOMENT,
    Kind.MONEY: _PRICE,
    Kind.PERCENT: _PRICE,
    Kind.DURATION: _SPAN,
}
_ROLES = {
    kind: tuple(
        (name, re.compile(before, re.IGNORECASE), re.compile(after, re.IGNORECASE)) for name, before, after in rows
    )
    for kind, rows in _BY_KIND.items()
}
ROLES = frozenset(name for rows in _BY_KIND.values() for name, _, _ in rows)


def role(kind: Kind, text: str, start: int, end: int) -> str:
    """The role that the words before ``start`` or after ``end`` give; empty if they give none."""
    before, after = text[max(start - _WINDOW, 0) : start], text[end : end + _WINDOW]
    for name, _, trailing in _ROLES.get(kind, ()):
        if trailing.search(after):
            return name
    for name, leading, _ in _ROLES.get(kind, ()):
        if leading.search(before):
            return name
    return ""
