"""What a workspace makes of the law's rules: stricter freely, looser only with a reason and a name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from dangol.definitions.document import Document, did_you_mean
from dangol.definitions.workspace import Workspace, shared_path
from dangol.definitions.yaml import read_yaml
from dangol.jurisdictions import packs
from dangol.model.jurisdiction import Jurisdictions, Pack, Rule, RuleChange
from dangol.model.problem import Problem
from dangol.policy.law import loosens, misfits


def check_laws(workspace: Workspace) -> list[Problem]:
    """What is wrong with the part `jurisdictions` of the policies."""
    asked = workspace.policies.jurisdictions
    path = shared_path("policies")
    if asked == Jurisdictions() or path not in workspace.sources:
        return []
    document, _ = read_yaml(path, workspace.sources[path])
    return [] if document is None else list(_problems(document, asked, packs()))


def loosened(asked: Jurisdictions) -> list[tuple[str, RuleChange]]:
    """The rules that a workspace keeps less strictly than the law's packs, by id."""
    rules = _rules(packs())
    return [(one.id, one) for one in asked.rules if one.id in rules and loosens(rules[one.id], one)]


def _rules(known: Mapping[str, Pack]) -> dict[str, Rule]:
    return {rule.id: rule for pack in known.values() for rule in pack.rules}


def _problems(document: Document, asked: Jurisdictions, known: Mapping[str, Pack]) -> Iterator[Problem]:
    rules = _rules(known)
    for index, code in enumerate(asked.serves):
        if code not in known:
            members = {member for pack in known.values() for member in pack.members}
            if code not in members:
                hint = did_you_mean(code, list(known)) or "people there are kept to the pack `default`"
                message = f"found the place `{code}`, for which there is no pack"
                yield document.problem("unknown-pack", ("jurisdictions", "serves", index), message, hint=hint)
    seen: set[str] = set()
    for index, change in enumerate(asked.rules):
        at = ("jurisdictions", "rules", index)
        rule = rules.get(change.id)
        if change.id in seen:
            yield document.problem("duplicate-rule", (*at, "id"), f"found a second change of the rule `{change.id}`")
        elif rule is None:
            hint = did_you_mean(change.id, list(rules)) or "`dangol policy rules` lists them"
            yield document.problem("unknown-rule", (*at, "id"), f"found the unknown rule `{change.id}`", hint=hint)
        else:
            yield from _of_change(document, at, rule, change)
        seen.add(change.id)


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
