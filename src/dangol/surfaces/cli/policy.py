"""``dangol policy``: which rules of law bind a person, and what the gate would say; the rules with their sources."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any

import typer
from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from dangol.bootstrap import open_dangol
from dangol.definitions.workspace import read_workspace
from dangol.errors import UsageError
from dangol.jurisdictions import packs, packs_with
from dangol.ledger.words import WORDS, Language
from dangol.model.facts import Allow, Defer
from dangol.model.jurisdiction import Jurisdictions, Pack, Rule, RuleChange
from dangol.model.people import ConsentState, Profile
from dangol.model.vocabulary import Channel, Purpose
from dangol.policy.law import Because, amended, loosens
from dangol.settings import Settings
from dangol.surfaces import inquiry
from dangol.surfaces.cli.duties import duties
from dangol.surfaces.cli.log import JsonOption, Tongue
from dangol.surfaces.ruling import Answer, Question, ask

app = typer.Typer(name="policy", help="Rules of law, and what they say of a person.", no_args_is_help=True)
app.command()(duties)

LangOption = Annotated[Tongue, typer.Option("--lang", help="The language of what is printed.")]
_WORDS: dict[str, dict[str, str]] = {
    "en": {
        "places": "Belongs to",
        "rules": "Rules that bind",
        "known": "What is known",
        "consent": "consent",
        "night": "night consent",
        "verdict": "Verdict",
        "allow": "would go out",
        "defer": "would wait until",
        "suppress": "would be refused",
        "none": "none on record",
        "no_rules": "No pack asks anything for this channel and purpose; the workspace's own rules hold.",
        "rule": "rule",
        "asks": "what it asks",
        "source": "source",
        "mark": "mark",
        "not_advice": "Data, not legal advice. Marks: V official page, v secondary page, R recalled, R-med less sure.",
        "at": "at",
        "changed": "here",
        "off": "off",
        "stricter": "stricter",
        "looser": "looser",
        "since": "since",
        "confirmed": "confirmed by a second message",
        "nothing": "No rules match.",
        "erased": "Erased on {at:%Y-%m-%d %H:%M} UTC; nothing is sent.",
        Because.COUNTRY: "the profile's country",
        Because.STATE: "the profile's state",
        Because.STATE_UNKNOWN: "the state is not known, so all states' rules bind",
        Because.PHONE: "the phone number's region",
        Because.MEMBER: "the country is served by this pack",
        Because.NO_PACK: "the country has no pack of its own",
        Because.INCLUDED: "includes this pack",
        Because.UNKNOWN: "no place is known, so all that the workspace serves bind",
    },
    "ko": {
        "places": "적용 지역",
        "rules": "적용되는 규칙",
        "known": "확인된 정보",
        "consent": "수신 동의",
        "night": "야간 수신 동의",
        "verdict": "판정",
        "allow": "발송됩니다",
        "defer": "다음 시각까지 기다립니다",
        "suppress": "발송되지 않습니다",
        "none": "기록 없음",
        "no_rules": "이 채널과 목적에 적용되는 법규 규칙이 없습니다. 워크스페이스의 규칙만 적용됩니다.",
        "rule": "규칙",
        "asks": "내용",
        "source": "출처",
        "mark": "확인 정도",
        "not_advice": "법률 자문이 아니라 참고 자료입니다. V 공식 문서, v 2차 자료, R 기억, R-med 불확실한 기억.",
        "at": "기준 시각",
        "changed": "워크스페이스",
        "off": "끔",
        "stricter": "강화",
        "looser": "완화",
        "since": "시작",
        "confirmed": "이중 동의 확인됨",
        "nothing": "해당하는 규칙이 없습니다.",
        "erased": "{at:%Y-%m-%d %H:%M} UTC에 삭제되었습니다. 아무것도 보내지 않습니다.",
        Because.COUNTRY: "프로필의 국가",
        Because.STATE: "프로필의 주",
        Because.STATE_UNKNOWN: "주를 알 수 없어 모든 주의 규칙을 적용합니다",
        Because.PHONE: "전화번호의 지역",
        Because.MEMBER: "이 지역 규칙을 따르는 국가",
        Because.NO_PACK: "별도 규칙이 없는 국가",
        Because.INCLUDED: "함께 적용되는 규칙",
        Because.UNKNOWN: "지역을 알 수 없어 워크스페이스가 서비스하는 모든 지역의 규칙을 적용합니다",
    },
}


@app.command()
def explain(
    profile: Annotated[str, typer.Option("--profile", metavar="ID", help="The person, by the id your back end uses.")],
    channel: Annotated[Channel, typer.Option("--channel", help="On which channel.")],
    purpose: Annotated[Purpose, typer.Option("--purpose", help="What for.")] = Purpose.MARKETING,
    topic: Annotated[str, typer.Option("--topic", help="About which topic.")] = "",
    at: Annotated[str | None, typer.Option("--at", metavar="TIME", help="As of then; now by default.")] = None,
    campaign: Annotated[
        str, typer.Option("--campaign", metavar="KEY", help="By the policies of this campaign in service.")
    ] = "",
    as_json: JsonOption = False,
    language: LangOption = Tongue.EN,
) -> None:
    """Show every rule that binds a person for a message, and what the gate would say. Changes nothing.

    A text, a carrier, a journey that is over and other messages that wait are not looked at.
    """
    with open_dangol(Settings()) as dangol, dangol.database.read() as tx:
        person = inquiry.find_person(tx, profile)
        instant = inquiry.read_moment("--at", at) or dangol.clock.now()
        if person.erased_at is not None and not as_json:
            told = _WORDS[language.value]["erased"].format(at=person.erased_at)
            Console(highlight=False).print(Text.assemble((profile, "bold"), f"  {told}"))
            return
        answer = ask(dangol, tx, person, Question(channel, purpose, topic, campaign), instant)
    if as_json:
        typer.echo(json.dumps(_as_json(answer, person, channel, purpose), ensure_ascii=False))
    else:
        Console(highlight=False).print(_told(answer, person, channel, purpose, language.value))


@app.command()
def rules(
    jurisdiction: Annotated[
        str, typer.Option("--jurisdiction", metavar="CODE", help="Only this pack and what it includes, such as DE.")
    ] = "",
    recalled: Annotated[bool, typer.Option("--recalled", help="Only rules marked R, for your lawyer.")] = False,
    as_json: JsonOption = False,
    language: LangOption = Tongue.EN,
) -> None:
    """List the rules with sources and marks, and what this workspace makes of them."""
    known, asked = _law_here()
    chosen = _chosen(jurisdiction, known)
    changes = {change.id: change for change in asked.rules}
    found = [(pack, rule) for pack in chosen for rule in pack.rules if rule.recalled or not recalled]
    if as_json:
        for pack, rule in found:
            typer.echo(json.dumps(_rule_json(pack, rule, changes.get(rule.id)), ensure_ascii=False))
        return
    console = Console(highlight=False)
    words = _WORDS[language.value]
    console.print(_table([rule for _, rule in found], language.value, changes) if found else words["nothing"])
    console.print(words["not_advice"], style="dim")


def _law_here() -> tuple[Mapping[str, Pack], Jurisdictions]:
    """The packs, and what the workspace on disk makes of them; as they come without one. Raises ProblemsFound."""
    try:
        workspace, _ = read_workspace(Settings().workspace)
    except UsageError:  # no workspace here: the packs as they come
        workspace = None
    if workspace is None:
        return packs(), Jurisdictions()
    return packs_with(workspace.sources), workspace.policies.jurisdictions


def _chosen(jurisdiction: str, known: Mapping[str, Pack]) -> list[Pack]:
    if not jurisdiction:
        return list(known.values())
    code = next((code for code in known if code.lower() == jurisdiction.strip().lower()), None)
    if code is None:
        raise UsageError(f"--jurisdiction: expected one of {', '.join(known)}; found {jurisdiction[:20]!r}")
    return [known[code], *(known[included] for included in known[code].includes)]


def _told(answer: Answer, person: Profile, channel: Channel, purpose: Purpose, language: Language) -> RenderableType:
    words = _WORDS[language]
    parts: list[RenderableType] = [
        Text.assemble(
            (person.external_id, "bold"), f" · {channel.value} · {purpose.value} · {words['at']} {_time(answer)}"
        ),
        Text(f"\n{words['places']}", style="bold"),
        _places(answer, words),
        Text(f"\n{words['rules']}", style="bold"),
        _table(list(answer.rules), language, {}) if answer.rules else Text(words["no_rules"]),
        Text(f"\n{words['known']}", style="bold"),
        _known(answer, words, language),
        Text(f"\n{words['verdict']}", style="bold"),
        _verdict(answer, channel, words, language),
        Text(f"\n{words['not_advice']}", style="dim"),
    ]
    return Group(*parts)


def _time(answer: Answer) -> str:
    return f"{answer.at:%Y-%m-%d %H:%M} UTC"


def _places(answer: Answer, words: dict[str, str]) -> RenderableType:
    grid = Table.grid(padding=(0, 2))
    states = [code for code, why in answer.applied.places.bound if why is Because.STATE_UNKNOWN]
    for code, why in answer.applied.places.bound:
        if why is not Because.STATE_UNKNOWN:
            grid.add_row(f"  {code}", words[why])
    if states:
        grid.add_row(f"  {states[0]} …", f"{words[Because.STATE_UNKNOWN]} ({len(states)})")
    return grid


def _table(rules: list[Rule], language: Language, changes: dict[str, RuleChange]) -> Table:
    words = _WORDS[language]
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column(words["rule"], no_wrap=True)
    table.add_column(f"{words['asks']}, {words['source']}", ratio=1, overflow="fold")
    table.add_column(words["mark"], no_wrap=True)
    for rule in rules:
        says = rule.says.ko if language == "ko" else rule.says.en
        mark = Text(rule.mark, style="yellow" if rule.recalled else "")
        told = Text.assemble(says, (f"\n{rule.source}", "dim"))
        if (change := changes.get(rule.id)) is not None:
            told.append(f"\n{words['changed']}: {_standing(rule, change, words)}", style="bold")
        table.add_row(rule.id, told, mark)
    return table


def _standing(rule: Rule, change: RuleChange, words: dict[str, str]) -> str:
    """What a workspace made of a rule, in a few words, with the reason."""
    kind = words["off"] if amended(rule, change) is None else words["looser" if loosens(rule, change) else "stricter"]
    return " · ".join(part for part in (kind, change.reason, change.by) if part)


def _known(answer: Answer, words: dict[str, str], language: Language) -> RenderableType:
    grid = Table.grid(padding=(0, 2))
    grid.add_row(f"  {words['consent']}", _consent(answer.consent, words))
    if any(getattr(rule, "unless_consent", None) for rule in answer.rules):
        grid.add_row(f"  {words['night']}", _consent(answer.night, words))
    labels = WORDS[language].details
    for name, value in answer.ruling.verdict.evidence.items():
        if name not in {"consent", "jurisdiction", "rules"}:
            grid.add_row(f"  {labels.get(name, name)}", _plain(value))
    return grid


def _consent(state: ConsentState | None, words: dict[str, str]) -> str:
    if state is None:
        return words["none"]
    told = [state.status.value, state.basis, f"{words['since']} {(state.since or state.occurred_at):%Y-%m-%d}"]
    return " · ".join([*told, words["confirmed"]] if state.confirmed else told)


def _plain(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {one}" for name, one in value.items())
    if isinstance(value, bool):
        return "✓" if value else "✗"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _verdict(answer: Answer, channel: Channel, words: dict[str, str], language: Language) -> RenderableType:
    verdict = answer.ruling.verdict
    if isinstance(verdict, Allow):
        return Text(f"  {words['allow']}", style="green")
    reason = WORDS[language].reasons.get(verdict.reason, verdict.reason.meaning)
    reason = reason.replace("{channel}", WORDS[language].channels[channel])
    head = f"{words['defer']} {verdict.until:%Y-%m-%d %H:%M} UTC" if isinstance(verdict, Defer) else words["suppress"]
    named = verdict.evidence.get("rules", [])
    style = "yellow" if isinstance(verdict, Defer) else "red"
    return Text.assemble(
        (f"  {head}", style), f": {reason} ({verdict.reason.value})", f" — {', '.join(named)}" if named else ""
    )


def _as_json(answer: Answer, person: Profile, channel: Channel, purpose: Purpose) -> dict[str, Any]:
    verdict = answer.ruling.verdict
    return {
        "profile": person.external_id,
        "channel": channel.value,
        "purpose": purpose.value,
        "at": answer.at.isoformat(),
        "version": answer.version or None,
        "jurisdictions": [{"code": code, "because": why.value} for code, why in answer.applied.places.bound],
        "rules": [rule.model_dump(mode="json", by_alias=True) for rule in answer.rules],
        "consent": _consent_json(answer.consent),
        "night_consent": _consent_json(answer.night),
        "verdict": type(verdict).__name__.lower(),
        "reason": None if isinstance(verdict, Allow) else verdict.reason.value,
        "until": verdict.until.isoformat() if isinstance(verdict, Defer) else None,
        "evidence": verdict.evidence,
    }


def _consent_json(state: ConsentState | None) -> dict[str, Any] | None:
    if state is None:
        return None
    return {
        "id": state.consent_id,
        "status": state.status.value,
        "granted": state.granted,
        "basis": state.basis,
        "proven": state.proven,
        "confirmed": state.confirmed,
        "since": state.since.isoformat() if state.since else None,
        "occurred_at": state.occurred_at.isoformat(),
    }


def _rule_json(pack: Pack, rule: Rule, change: RuleChange | None) -> dict[str, Any]:
    told = {"jurisdiction": pack.code, "read": rule.read or pack.read, "recalled": rule.recalled}
    changed = None
    if change is not None:
        changed = {"loosened": loosens(rule, change), "reason": change.reason, "by": change.by}
        changed |= change.model_dump(mode="json", by_alias=True, exclude_unset=True)
    return {**rule.model_dump(mode="json", by_alias=True), **told, "changed": changed}
