"""``dangol pause``, ``resume`` and ``stop``: take hold of a campaign, or of one person's journeys."""

from __future__ import annotations

from typing import Annotated

import typer

from dangol.bootstrap import open_dangol
from dangol.errors import UsageError
from dangol.model.vocabulary import Control
from dangol.settings import Settings
from dangol.surfaces import inquiry
from dangol.surfaces.cli.deploy import ByOption, operator

Campaign = Annotated[
    str | None, typer.Argument(help="The campaign's key; with --profile it may be left out for all of them.")
]
Profile = Annotated[str | None, typer.Option("--profile", metavar="ID", help="Only this customer's journeys.")]
OneJourney = Annotated[str | None, typer.Option("--journey", metavar="ID", help="Only this one journey.")]
Note = Annotated[str, typer.Option("--note", help="Why, for the log; no personal data.")]


def pause(
    campaign: Campaign = None,
    profile: Profile = None,
    journey: OneJourney = None,
    note: Note = "",
    by: ByOption = "",
) -> None:
    """Let nobody in, move no journey and send nothing, until it is resumed.

    Waits run on, and exits still end journeys. What comes due meanwhile is held.
    """
    _steer(Control.PAUSE, campaign, profile, journey, note, by or operator())


def resume(
    campaign: Campaign = None,
    profile: Profile = None,
    journey: OneJourney = None,
    note: Note = "",
    by: ByOption = "",
) -> None:
    """Go on after a pause or a stop.

    Held messages go out unless they have expired; nothing is sent twice, and a schedule's firings that fell into the
    pause are not made up for.
    """
    _steer(Control.RESUME, campaign, profile, journey, note, by or operator())


def stop(
    campaign: Campaign = None,
    profile: Profile = None,
    journey: OneJourney = None,
    note: Note = "",
    by: ByOption = "",
) -> None:
    """End the journeys and cancel what has not been sent; a stopped campaign lets nobody in until it is resumed."""
    _steer(Control.STOP, campaign, profile, journey, note, by or operator())


_DONE = {Control.PAUSE: "paused", Control.RESUME: "running", Control.STOP: "stopped"}


def _steer(
    control: Control, campaign: str | None, profile: str | None, journey: str | None, note: str, by: str
) -> None:
    if campaign is None and profile is None and journey is None:
        raise UsageError(f"say which campaign to {control.value}, or whose journeys with --profile ID")
    if journey is not None and (campaign is not None or profile is not None):
        raise UsageError("--journey names one journey; no campaign and no --profile go with it")
    note = inquiry.remark("--note", note)
    with open_dangol(Settings()) as dangol:
        if journey is not None:
            touched = dangol.steering.journey(journey, control, by=by, note=note).journeys
            typer.echo(f"{_counted(touched)}: {_DONE[control]}")
            return
        if profile is not None:
            touched = dangol.steering.journeys(profile, control, campaign=campaign, by=by, note=note).journeys
            where = f" in {campaign}" if campaign else ""
            typer.echo(f"{_counted(touched)} of {profile}{where}: {_DONE[control]}")
            return
        assert campaign is not None
        steered = dangol.steering.campaign(campaign, control, by=by, note=note)
        already = " already" if (steered.before or Control.RESUME) is control else ""
        ended = f"; {_counted(steered.journeys)} ended" if control is Control.STOP else ""
        typer.echo(f"{campaign} is{already} {_DONE[control]}{ended}")


def _counted(journeys: int) -> str:
    return f"{journeys:,} {'journey' if journeys == 1 else 'journeys'}"
