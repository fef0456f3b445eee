"""What a simulation cannot have found out, and says so: an empty row is then not read as a finding."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from dangol.definitions.workspace import Workspace
from dangol.model.campaign import Campaign
from dangol.simulate.behaviour import shipped_behaviour, unknown_events
from dangol.simulate.part import Plan
from dangol.simulate.tally import Tally

Answers = dict[str, Any]
_OWN_CONSENTS = frozenset({"audience_database", "audience_file_consents"})


def told(code: str, **values: Any) -> Answers:
    """Something to be said about how the answers were made; ``words.said`` puts it into words."""
    return {"code": code, "values": values}


def assumed_gaps(plan: Plan, workspace: Workspace, audience: str) -> list[Answers]:
    """What the assumptions leave out; ``audience`` is the code of where people came from."""
    notes = []
    own = plan.events is None and plan.behaviour != shipped_behaviour()
    if own and (unknown := unknown_events(plan.behaviour, workspace.tracking_plan.events)):
        notes.append(told("note_unknown", names=", ".join(unknown)))
    if audience not in _OWN_CONSENTS and not any(plan.behaviour.people.consents.values()):
        notes.append(told("note_consents"))
    return notes


def campaign_gaps(workspace: Workspace, tally: Tally) -> list[Answers]:
    """Campaigns that nobody entered or asked to enter, by what kept them empty."""
    empty = {
        key: campaign
        for key, campaign in sorted(workspace.campaigns.items())
        if not tally.entries[key] and not any(of == key for of, _ in tally.turned_away)
    }
    happened = {key: _happened(campaign, tally) for key, campaign in empty.items()}
    notes = [
        told("note_unmet" if campaign.entry.where else "note_nobody", campaign=key, event=_event(campaign), times=times)
        for key, campaign in empty.items()
        if (times := happened[key])
    ]
    silent = [f"{key} (`{_event(one)}`)" for key, one in empty.items() if _event(one) and not happened[key]]
    timed = {key: one for key, one in empty.items() if not _event(one)}
    unfired = [key for key, one in timed.items() if one.entry.kind == "schedule" and not tally.fired[key]]
    alone = [key for key in timed if key not in unfired]
    return [*notes, *_named("note_never", silent), *_named("note_unscheduled", unfired), *_named("note_alone", alone)]


def _event(campaign: Campaign) -> str:
    return campaign.entry.event or campaign.entry.api or ""


def _happened(campaign: Campaign, tally: Tally) -> int:
    return tally.events[_event(campaign)] + tally.emitted[_event(campaign)]


def _named(code: str, names: Iterable[str]) -> list[Answers]:
    """One note for all of them, none for none."""
    told_names = ", ".join(names)
    return [told(code, names=told_names)] if told_names else []
