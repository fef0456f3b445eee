"""What the campaigns do for each stage of the journey map, and where the map has gaps. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from dangol.model.campaign import Campaign
from dangol.model.steps import Send
from dangol.model.vocabulary import Channel, Purpose
from dangol.model.workspace import JourneyMap, Kpi, MapStage

MOST_MARKETING: Mapping[Channel, int] = {Channel.SMS: 3, Channel.PUSH: 10, Channel.EMAIL: 20}
"""Marketing messages of one stage that may go by a channel: the more it interrupts, the fewer."""


class GapCode(StrEnum):
    """What may be wrong with a stage or a campaign."""

    NO_MESSAGE = "no-message"
    NO_OWNER = "no-owner"
    NO_KPI = "no-kpi"
    KPI_NOT_MEASURED = "kpi-not-measured"
    ONE_CHANNEL = "one-channel"
    OVERUSED_CHANNEL = "overused-channel"
    UNPLANNED_CHANNEL = "unplanned-channel"
    UNKEPT_TOUCHPOINT = "unkept-touchpoint"
    CAMPAIGN_WITHOUT_OWNER = "campaign-without-owner"
    STAGE_NOT_ON_MAP = "stage-not-on-map"


@dataclass(frozen=True, slots=True)
class Use:
    """One ``send`` step, by a campaign for a stage."""

    campaign: str
    step: str
    message: str
    channels: tuple[Channel, ...]
    purpose: Purpose


@dataclass(frozen=True, slots=True)
class Gap:
    """Something that the map promises and nothing keeps, told so that its owner knows what to do.

    ``stage`` and ``campaign`` say where; either may be empty.
    """

    code: GapCode
    text: str
    stage: str = ""
    campaign: str = ""


@dataclass(frozen=True, slots=True)
class StageCoverage:
    """A stage and everything that campaigns send in it, in the order of campaign keys and steps."""

    stage: MapStage
    uses: tuple[Use, ...]
    gaps: tuple[Gap, ...]

    def by(self, channel: Channel) -> tuple[Use, ...]:
        """What may go by this channel."""
        return tuple(use for use in self.uses if channel in use.channels)

    @property
    def elsewhere(self) -> bool:
        """Do all of its touchpoints lie outside of what dangol sends on?"""
        return bool(self.stage.touchpoints) and not set(self.stage.touchpoints) & set(Channel)


@dataclass(frozen=True, slots=True)
class Coverage:
    """The whole map. ``gaps`` are those of the stages in order, then those of campaigns."""

    stages: tuple[StageCoverage, ...]
    gaps: tuple[Gap, ...]


def cover(journey_map: JourneyMap, campaigns: Iterable[Campaign]) -> Coverage:
    """Lay the campaigns over the map."""
    ordered = sorted(campaigns, key=lambda campaign: campaign.key)
    stages = tuple(_stage(stage, ordered) for stage in journey_map.stages)
    known = {stage.key for stage in journey_map.stages}
    own = [gap for one in ordered for gap in _campaign_gaps(one, known)]
    return Coverage(stages, tuple(gap for stage in stages for gap in stage.gaps) + tuple(own))


def _stage(stage: MapStage, campaigns: Sequence[Campaign]) -> StageCoverage:
    uses = tuple(
        Use(campaign.key, placed.name, placed.step.send, placed.step.every_channel, campaign.purpose)
        for campaign in campaigns
        for placed in campaign.placed
        if placed.stage == stage.key and isinstance(placed.step, Send)
    )
    bare = StageCoverage(stage, uses, ())
    gaps = (*_missing(bare), *_unkept(bare), *_overused(bare))
    return StageCoverage(stage, uses, tuple(gaps))


def _missing(covered: StageCoverage) -> Iterator[Gap]:
    stage = covered.stage
    who = f"the moment of truth “{stage.name}”" if stage.moment_of_truth else f"the stage “{stage.name}”"
    if not covered.uses and (stage.moment_of_truth or not covered.elsewhere):
        aim = f", so nothing works towards its KPI “{stage.kpi_name}”" if stage.kpi else ""
        yield Gap(GapCode.NO_MESSAGE, f"{who} has no message: no campaign sends anything in it{aim}", stage.key)
    if not stage.owner:
        yield Gap(GapCode.NO_OWNER, f"{who} has no owner: nobody answers for it", stage.key)
    if not stage.kpi:
        yield Gap(GapCode.NO_KPI, f"{who} has no KPI: nobody can tell whether it goes well", stage.key)
    elif not isinstance(stage.kpi, Kpi):
        advice = "give it `event`, `of` and `within`, or an `expression`, and a `target`"
        text = f"the KPI “{stage.kpi}” of {who} is not measured: {advice}"
        yield Gap(GapCode.KPI_NOT_MEASURED, text, stage.key)


def _unkept(covered: StageCoverage) -> Iterator[Gap]:
    """What the map promises on a channel of ours and no campaign sends; told once where nothing is sent at all."""
    stage = covered.stage
    for channel in Channel:
        promise = stage.touchpoints.get(channel.value)
        if covered.uses and promise is not None and not covered.by(channel):
            text = f"“{stage.name}” promises by {channel.value} “{promise}”, and no campaign sends anything there"
            yield Gap(GapCode.UNKEPT_TOUCHPOINT, text, stage.key)


def _overused(covered: StageCoverage) -> Iterator[Gap]:
    stage, uses = covered.stage, covered.uses
    used = {channel for use in uses for channel in use.channels}
    if len(uses) > 1 and len(used) == 1:
        (only,) = used
        text = f"all {len(uses)} messages of “{stage.name}” go by {only.value} and nothing else"
        yield Gap(GapCode.ONE_CHANNEL, text, stage.key)
    for channel, most in MOST_MARKETING.items():
        number = sum(use.purpose is Purpose.MARKETING for use in covered.by(channel))
        if number > most:
            text = (
                f"{number} marketing messages of “{stage.name}” may go by {channel.value}; more than {most} wear it out"
            )
            yield Gap(GapCode.OVERUSED_CHANNEL, text, stage.key)
    for channel in (one for one in Channel if one in used and stage.touchpoints and one not in stage.touchpoints):
        by = ", ".join(dict.fromkeys(use.campaign for use in covered.by(channel)))
        text = f"{by} may use {channel.value} in “{stage.name}”, where the map has no such touchpoint"
        yield Gap(GapCode.UNPLANNED_CHANNEL, text, stage.key)


def _campaign_gaps(campaign: Campaign, stages: set[str]) -> Iterator[Gap]:
    if not campaign.owner:
        text = f"the campaign `{campaign.key}` has no owner: nobody answers for it"
        yield Gap(GapCode.CAMPAIGN_WITHOUT_OWNER, text, campaign=campaign.key)
    for key in dict.fromkeys(stage.stage for stage in campaign.stages if stage.stage not in stages):
        text = f"the campaign `{campaign.key}` speaks in the stage `{key}`, which is not on the map"
        yield Gap(GapCode.STAGE_NOT_ON_MAP, text, key, campaign.key)
