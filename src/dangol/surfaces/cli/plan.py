"""``dangol plan``: what deploying would change, before it does."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from dangol.bootstrap import open_dangol
from dangol.definitions.diff import SharedChange, TextChange
from dangol.definitions.fields import FieldChange
from dangol.definitions.step_diff import StepChange, nested
from dangol.definitions.word_diff import Words, word_diff
from dangol.errors import UsageError
from dangol.planner.beside import PartChange
from dangol.planner.cautions import Caution
from dangol.planner.migration import Fate
from dangol.planner.plan import CampaignPlan, Plan
from dangol.settings import Settings
from dangol.store.database import Database
from dangol.surfaces.cli.check import telling_problems, workspace_root
from dangol.surfaces.cli.reach import warn_if_unreachable

KeysArgument = Annotated[list[str] | None, typer.Argument(metavar="[KEY]...", help="Campaigns; all by default.")]
WorkspaceOption = Annotated[
    Path | None, typer.Option("--workspace", help="The workspace; DANGOL_WORKSPACE or the current folder by default.")
]
FromOption = Annotated[
    str | None, typer.Option("--from", metavar="DATABASE_URL", help="Promote what is in service in that database.")
]
SHORT = 12
"""Characters of a version's id that people are shown."""
_STYLES = {"new": "green", "changed": "yellow", "unchanged": "dim", "withdrawn": "red"}
_NAMES = {"withdrawn": "taken out of service"}
_MARKS = {"added": ("+", "green"), "removed": ("-", "red"), "moved": ("↕", "cyan"), "changed": ("~", "yellow")}
_WORDS = {"=": "", "-": "red strike", "+": "bold green"}
_SEVERAL = 5
_LONG = 40
"""Characters from which on a changed setting is shown word by word."""


def plan(
    keys: KeysArgument = None,
    workspace: WorkspaceOption = None,
    audience_warning: Annotated[
        str, typer.Option(metavar="PERCENT", help="Warn if an audience grows by more than this.")
    ] = "20%",
    source: FromOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show what deploying would change, whom it concerns, and what deserves a second look. Changes nothing.

    With --from: what promoting would change.

    Exit code 1 if the workspace has problems.
    """
    growth = _share(audience_warning)
    if source is not None and workspace is not None:
        raise UsageError("--from takes versions as they are there; --workspace does not go with it")
    with open_dangol(Settings()) as dangol:
        if source is not None:
            with closing(open_source(source)) as there:
                made = dangol.plan_promotion(there, keys=keys or (), growth=growth)
        else:
            root = workspace or workspace_root(())
            with telling_problems(root, as_json=as_json):
                checked = dangol.checked(root)
            warn_if_unreachable(checked.sources, dangol.settings)
            made = dangol.plan(checked, keys=keys or (), growth=growth)
    if as_json:
        typer.echo(json.dumps(as_data(made), ensure_ascii=False, indent=2))
        return
    console = Console(highlight=False)
    for line in _Report(made, marked=console.is_terminal).lines():
        console.print(line, soft_wrap=True)


def open_source(url: str) -> Database:
    """The database to promote from. Raises UsageError for what is none; nothing is made or migrated there."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise UsageError("--from: expected a database URL, sqlite:///… or postgresql://…") from None
    if parsed.get_backend_name() == "sqlite" and not Path(parsed.database or "").is_file():
        raise UsageError(f"--from: there is no database {parsed.database or ':memory:'}")
    return Database(url, pool_size=1)


def _share(text: str) -> float:
    try:
        share = float(text.strip().removesuffix("%")) / 100
    except ValueError:
        share = -1
    if not 0 <= share < float("inf"):
        raise UsageError(f"--audience-warning: expected a percentage such as 20%; found {text!r}")
    return share


def as_data(made: Plan) -> dict[str, object]:
    """The plan as JSON has it."""
    campaigns = [asdict(campaign) | {"people": campaign.people} for campaign in made.campaigns]
    warnings = [asdict(caution) | {"campaigns": list(keys)} for caution, keys in made.warnings.items()]
    beside = {"forms": [asdict(one) for one in made.forms], "packs": [asdict(one) for one in made.packs]}
    return {"campaigns": campaigns, **beside, "warnings": warnings}


def summary(made: Plan) -> str:
    """How many campaigns are new, changed, unchanged, taken out, in one line; forms and packs where any changes."""
    statuses = [campaign.status for campaign in made.campaigns]
    told = [f"{statuses.count(status)} {_NAMES.get(status, status)}" for status in _STYLES if status in statuses]
    told = told or ["no campaigns"]
    told += [_counted(noun, changes) for noun, changes in (("form", made.forms), ("pack", made.packs)) if changes]
    return ", ".join(told)


def _counted(noun: str, changes: Sequence[PartChange]) -> str:
    """``1 form changed``, or ``3 forms added, changed or removed``."""
    how = [word for word in ("added", "changed", "removed") if word in {one.became for one in changes}]
    return f"{len(changes)} {noun}{'' if len(changes) == 1 else 's'} {' or '.join(how)}"


def warning_line(caution: Caution, keys: Sequence[str]) -> Text:
    """A warning with the campaigns that it is about."""
    who = f" ({several(caution.people)})" if caution.people else ""
    return Text.assemble(("warning", "yellow"), f"[{caution.code}] {several(keys)}: {caution.text}{who}")


class _Report:
    """The plan as lines. ``marked``: a terminal shows changed words in colour; else they are put in brackets."""

    def __init__(self, made: Plan, *, marked: bool) -> None:
        self.plan = made
        self.marked = marked
        self.owners: defaultdict[SharedChange | TextChange, list[str]] = defaultdict(list)
        for campaign in made.changes:
            for change in _changes(campaign):
                self.owners[change].append(campaign.key)

    def lines(self) -> Iterator[Text]:
        for campaign in self.plan.changes:
            if self._tells(campaign):
                yield from self._campaign(campaign)
                yield Text()
        common = {change: keys for change, keys in self.owners.items() if self._is_common(change)}
        for change, keys in common.items():
            yield Text.assemble((_file(change), "bold"), (f"  for {', '.join(keys)}", "dim"))
            yield from self._what(change, "  ")
            yield Text()
        yield from self._beside("form", self.plan.forms, told_below=False)
        yield from self._beside("pack", self.plan.packs, told_below=bool(common))
        for caution, concerned in self.plan.warnings.items():
            yield warning_line(caution, concerned)
        yield Text(f"{summary(self.plan)}.")
        if any(campaign.people for campaign in self.plan.changes):
            yield Text("Without --migrate everyone under way finishes on the version they are on.", "dim")
            yield Text("Messages that are planned already keep the text of the version they were planned by.", "dim")

    def _beside(self, noun: str, changes: Sequence[PartChange], *, told_below: bool) -> Iterator[Text]:
        """Forms or packs; what changed in a pack stands with the files of campaigns, where any of them has it."""
        for one in changes:
            mark, style = _MARKS[one.became]
            yield Text.assemble((f"{mark} ", style), f"{noun} ", (one.key, "bold"), f" {one.became}")
            if not told_below and one.became == "changed":
                yield from (self._field(field, "    ") for field in one.fields)
        if changes:
            yield Text()

    def _is_common(self, change: SharedChange | TextChange) -> bool:
        return isinstance(change, SharedChange) or len(self.owners[change]) > 1

    def _tells(self, campaign: CampaignPlan) -> bool:
        """Is there more to tell than that a file it shares with others changed?"""
        own = campaign.diff.settings or campaign.diff.steps or not all(map(self._is_common, _changes(campaign)))
        sizes = campaign.audience is not None and campaign.audience.old != campaign.audience.new
        return bool(campaign.status != "changed" or own or not campaign.diff or campaign.under_way or sizes)

    def _campaign(self, campaign: CampaignPlan) -> Iterator[Text]:
        ids = " → ".join(id_[:SHORT] for id_ in (campaign.replaced, campaign.version_id) if id_ is not None)
        status = _NAMES.get(campaign.status, campaign.status)
        yield Text.assemble((campaign.key, "bold"), "  ", (status, _STYLES[campaign.status]), (f"  {ids}", "dim"))
        for field in campaign.diff.settings:
            yield self._field(field, "  ")
        for step in campaign.diff.steps:
            yield from self._step(step)
        for says in campaign.outline:
            yield Text.assemble(("  + ", "green"), says)
        yield from self._texts([text for text in campaign.diff.texts if not self._is_common(text)])
        yield from self._asides(campaign)
        if campaign.audience is not None:
            sizes = [f"{size:,}" for size in (campaign.audience.old, campaign.audience.new) if size is not None]
            yield Text(f"  audience now: {' → '.join(sizes)} of {campaign.audience.everybody:,} people")
        for fate in campaign.under_way:
            yield _fate(fate, migratable=campaign.version_id is not None)

    def _asides(self, campaign: CampaignPlan) -> Iterator[Text]:
        if campaign.unreadable:
            yield Text(f"  no comparison: {campaign.unreadable}", "yellow")
        elif campaign.status == "changed" and not campaign.diff:
            yield Text("  only how its files are written", "dim")
        common = [_file(change) for change in _changes(campaign) if self._is_common(change)]
        if common:
            yield Text(f"  with other campaigns (see below): {', '.join(common)}", "dim")

    def _step(self, change: StepChange) -> Iterator[Text]:
        mark, style = _MARKS[change.became]
        named = f"{change.step}: " if change.step not in {change.old, change.new} else ""
        moved = ""
        if change.became == "moved":
            moved = "  moved earlier" if change.earlier else "  moved"
        yield Text.assemble(
            (f"  {mark} ", style), nested(change.new or change.old or "0.0", f"{named}{change.says}"), (moved, style)
        )
        for field in change.fields:
            yield self._field(field, "      ")

    def _texts(self, changes: Sequence[TextChange]) -> Iterator[Text]:
        for text in changes:
            if text.became == "changed":
                yield Text(f"  {_file(text)}")
                yield from self._what(text, "    ")
        for (became, template), alike in groupby(
            (text for text in changes if text.became != "changed"), key=lambda text: (text.became, text.template)
        ):
            mark, style = _MARKS[became]
            names = ", ".join(f"{text.channel} {text.locale}".strip() or text.path for text in alike)
            yield Text.assemble((f"  {mark} ", style), f"texts of {template}: {names}")

    def _what(self, change: SharedChange | TextChange, indent: str) -> Iterator[Text]:
        if isinstance(change, SharedChange):
            yield from (self._field(field, indent) for field in change.fields)
            return
        if change.became != "changed":
            mark, style = _MARKS[change.became]
            yield Text.assemble(indent, (f"{mark} {change.became}", style))
        for hunk in change.hunks:
            words = self._words(hunk.words)
            for number, line in enumerate(words.split("\n", allow_blank=True)):
                yield Text.assemble(indent, (f"{hunk.line if not number else '':>4} ", "dim"), line)

    def _field(self, change: FieldChange, indent: str) -> Text:
        old, new = change.old or "", change.new or ""
        if min(len(old), len(new)) >= _LONG or "\n" in old + new:
            return Text.assemble(f"{indent}{change.name}: ", self._words(word_diff(old, new)))
        if change.old is None:
            return Text.assemble(indent, ("+ ", "green"), f"{change.name}: {new}")
        if change.new is None:
            return Text.assemble(indent, ("- ", "red"), f"{change.name}: {old}")
        return Text.assemble(f"{indent}{change.name}: ", (old, "red"), " → ", (new, "green"))

    def _words(self, words: Iterable[Words]) -> Text:
        told = Text()
        for one in words:
            if self.marked or one.mark == "=":
                told.append(one.text, _WORDS[one.mark] or None)
            else:
                told.append(f"[-{one.text}-]" if one.mark == "-" else f"{{+{one.text}+}}")
        return told


def several(keys: Sequence[str]) -> str:
    """Some names, cut where they get many."""
    return (
        ", ".join(keys)
        if len(keys) <= _SEVERAL
        else f"{', '.join(keys[: _SEVERAL - 1])} and {len(keys) - _SEVERAL + 1} more"
    )


def _changes(campaign: CampaignPlan) -> tuple[SharedChange | TextChange, ...]:
    return (*campaign.diff.shared, *campaign.diff.texts)


def _file(change: SharedChange | TextChange) -> str:
    if isinstance(change, SharedChange):
        return change.file
    return " ".join((change.template, change.channel, change.locale)) if change.channel else change.path


def _fate(fate: Fate, *, migratable: bool) -> Text:
    people = "1 person" if fate.people == 1 else f"{fate.people:,} people"
    end = "finishes" if fate.people == 1 else "finish"
    told = Text.assemble(f"  {people} at `{fate.step}`", (f" {end} on {fate.version_id[:SHORT]}", "dim"))
    if migratable and fate.obstacle:
        told.append(f"; --migrate is refused: {fate.obstacle}", "yellow")
    elif migratable:
        told.append(f"; with --migrate on at `{fate.goes_to}`", "dim")
    return told
