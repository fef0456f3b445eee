"""What a workspace makes of the law's rules: stricter freely, looser only with a reason and a name."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress

from pydantic import ValidationError

from dangol.definitions.document import Document, did_you_mean
from dangol.definitions.workspace import Sources, shared_path
from dangol.definitions.yaml import read_yaml
from dangol.jurisdictions import check_packs, known_places, readable_packs
from dangol.model.jurisdiction import CODE, Jurisdictions, Pack, Rule, RuleChange
from dangol.model.problem import Problem
from dangol.policy.law import loosens, misfits

_CODE = re.compile(CODE)


def check_laws(sources: Sources) -> list[Problem]:
    """What is wrong with the workspace's own packs, with the part `jurisdictions` of the policies, and with whose law
    forms were written for.

    Parts of a wrong shape are passed over, and whatever else is wrong in the files: others tell of that.
    """
    documents = {kind: _document(sources, kind) for kind in ("policies", "consent-forms")}
    known, found = readable_packs(sources), check_packs(sources)
    if (policies := documents["policies"]) is not None:
        found += _problems(policies, known)
    if (forms := documents["consent-forms"]) is not None:
        found += _of_forms(forms, known_places(known))
    return found


def _document(sources: Sources, kind: str) -> Document | None:
    path = shared_path(kind)
    return read_yaml(path, sources[path])[0] if path in sources else None


def _of_forms(document: Document, places: frozenset[str]) -> Iterator[Problem]:
    for form, _ in document.items(("forms",)):
        code = document.text_at((*form, "jurisdiction"))
        if code and _CODE.fullmatch(code) and code not in places:
            hint = did_you_mean(code, places) or "`dangol policy rules` lists the packs"
            message = f"found the place `{code}`, for which there is no pack"
            yield document.problem("unknown-pack", (*form, "jurisdiction"), message, hint=hint)


def loosened(packs: Mapping[str, Pack], asked: Jurisdictions) -> list[tuple[str, RuleChange]]:
    """The rules that a workspace keeps less strictly than these packs of the law, by id."""
    rules = _rules(packs)
    return [(one.id, one) for one in asked.rules if one.id in rules and loosens(rules[one.id], one)]


def _rules(known: Mapping[str, Pack]) -> dict[str, Rule]:
    return {rule.id: rule for pack in known.values() for rule in pack.rules}


def _problems(document: Document, known: Mapping[str, Pack]) -> Iterator[Problem]:
    rules = _rules(known)
    members = {member for pack in known.values() for member in pack.members}
    for at, code in document.items(("jurisdictions", "serves")):
        if isinstance(code, str) and _CODE.fullmatch(code) and code not in known and code not in members:
            hint = did_you_mean(code, list(known)) or "people there are kept to the pack `default`"
            message = f"found the place `{code}`, for which there is no pack"
            yield document.problem("unknown-pack", at, message, hint=hint)
    seen: set[str] = set()
    for at, written in document.items(("jurisdictions", "rules")):
        id_ = document.text_at((*at, "id"))
        if not id_:
            continue
        rule = rules.get(id_)
        if id_ in seen:
            yield document.problem("duplicate-rule", (*at, "id"), f"found a second change of the rule `{id_}`")
        elif rule is None:
            hint = did_you_mean(id_, list(rules)) or "`dangol policy rules` lists them"
            yield document.problem("unknown-rule", (*at, "id"), f"found the unknown rule `{id_}`", hint=hint)
        else:
            with suppress(ValidationError):
                yield from _of_change(document, at, rule, RuleChange.model_validate(written))
        seen.add(id_)


def _of_change(document: Document, at: tuple[str | int, ...], rule: Rule, change: RuleChange) -> Iterator[Problem]:
    for field in misfits(rule, change):
        message = f"the rule `{rule.id}` is of the kind `{rule.kind}`, which has no `{field}`"
        yield document.problem("not-for-this-rule", (*at, field), message, key=True)
    if loosens(rule, change):
        for field, meaning in (("reason", "why"), ("by", "who answers for it")):
            if not getattr(change, field).strip():
                message = f"the rule `{rule.id}` ({rule.source}) is loosened; found no `{field}`"
                hint = f"add `{field}:` and say {meaning}; it is logged at deployment"
                yield document.problem("loosened-without-reason", (*at, "id"), message, hint=hint)
