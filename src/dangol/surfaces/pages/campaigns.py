"""The hub: journey map, campaigns, one campaign, calendar. No page here shows anything about a single person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from fastapi import HTTPException, Request, Response
from sqlalchemy import Connection

from dangol.bootstrap import Dangol
from dangol.definitions.coverage import cover
from dangol.definitions.versions import Version
from dangol.definitions.workspace import Workspace
from dangol.errors import UnknownVersion, UsageError
from dangol.model.steps import END, PlacedStep, WaitFor
from dangol.model.vocabulary import Channel
from dangol.model.workspace import Kpi, Policies
from dangol.surfaces.ahead import COUNTED, Calendar, Step, due_ahead, firings_of, look_ahead, steps_ahead
from dangol.surfaces.drawing.chart import by_step, make_chart
from dangol.surfaces.drawing.outline import outline
from dangol.surfaces.drawing.svg import stylesheet, svg
from dangol.surfaces.drawing.words import step_words
from dangol.surfaces.leaving import passages
from dangol.surfaces.measures import Measure, measure
from dangol.surfaces.pages.render import drawing, message_html, page
from dangol.surfaces.previews import Preview, locales, preview, previews, said_by, stages
from dangol.surfaces.standing import LATEST_ENTRIES, Service, Standing, UnknownCampaign

_FRESH = timedelta(minutes=10)
"""A measured KPI is shown again for so long; nobody decides anything by the minute here."""
_AHEAD = 28
_MONTHS = 24
"""How many months the calendar goes back and ahead."""


class CampaignPages:
    """The handlers; what is not there is a 404."""

    def __init__(self, dangol: Dangol) -> None:
        self._dangol = dangol
        self._standing = Standing(dangol)
        self._measured: dict[tuple[str, Kpi], Measure] = {}

    def map(self) -> Response:
        with self._dangol.database.read() as tx:
            services = self._standing.services(tx)
            latest = self._standing.latest(services)
            if latest is None:
                return page("map.html", coverage=None)
            running = [one.campaign for one in services.values() if one.campaign is not None and one.runs]
            coverage = cover(latest.workspace.journey_map, running)
            lately = passages(tx, self._standing, list(services))
            measures = {
                covered.stage.key: self._measure(tx, covered.stage.kpi, latest.id, latest.workspace)
                for covered in coverage.stages
                if isinstance(covered.stage.kpi, Kpi)
            }
        on_map = {stage.stage.key for stage in coverage.stages}
        return page(
            "map.html",
            coverage=coverage,
            measures=measures,
            lately=lately,
            still=[one for one in services.values() if one.version_id is not None and not one.runs],
            names={one.key: one.name for one in running},
            channels=list(Channel),
            others=[gap for gap in coverage.gaps if gap.stage not in on_map],
        )

    def campaigns(self) -> Response:
        with self._dangol.database.read() as tx:
            services = self._standing.services(tx)
            keys = list(services)
            numbers = self._standing.numbers(tx, keys)
            under_way = self._standing.on_their_way(tx, keys)
        since = [one.since for one in numbers.values() if one.since is not None]
        return page(
            "campaigns.html",
            services=services,
            numbers=numbers,
            under_way=under_way,
            cut=bool(since),
            latest_entries=LATEST_ENTRIES,
        )

    def campaign(self, key: str) -> Response:
        with self._dangol.database.read() as tx:
            service = self._service(tx, key)
            people = self._standing.people(tx, key, service.version_id)
            version = service.version
            if version is None:
                return page("campaign.html", service=service, campaign=None, people=people)
            chart = self._standing.drawn(version, people)
            coming = _coming(tx, version, service, self._dangol.clock.now())
            texts, trouble = self._previews(tx, version)
        return page(
            "campaign.html",
            service=service,
            campaign=version.campaign,
            people=people,
            picture=svg(chart, standalone=False),
            told=outline(chart),
            steps=_steps(version, by_step(version.campaign, people.by_position)),
            coming=coming,
            messages=_by_message(texts),
            trouble=trouble,
        )

    def graph(self, key: str) -> Response:
        with self._dangol.database.read() as tx:
            service = self._service(tx, key)
            if service.version is None:
                raise HTTPException(404, f"The campaign {key[:64]} is not in service, so there is nothing to draw.")
            names = {stage.key: stage.name for stage in service.version.workspace.journey_map.stages}
        return drawing(str(svg(make_chart(service.version.campaign, stage_names=names))), "image/svg+xml")

    def drawing_style(self) -> Response:
        return drawing(stylesheet(), "text/css")

    def preview_html(self, key: str, message: str, channel: str, locale: str, stage: str = "") -> Response:
        with self._dangol.database.read() as tx:
            service = self._service(tx, key)
            version = service.version
            sent = {(said, by.value) for said, by, _ in said_by(version)} if version else set()
            if version is None or (message, channel) not in sent:
                raise HTTPException(404, "The campaign has no such message.")
            if locale not in locales(version, message, Channel(channel)):
                raise HTTPException(404, "The message has no such locale.")
            if stage and stage not in stages(version, message):
                raise HTTPException(404, "The campaign does not send the message in this stage.")
            release = self._dangol.releases.get(tx, version.id)
        shown = preview(version, release, message, Channel(channel), locale, stage)
        if shown.rendered is None or not shown.rendered.html:
            raise HTTPException(404, "There is no HTML to show.")
        return message_html(shown.rendered.html)

    def calendar(self, request: Request) -> Response:
        with self._dangol.database.read() as tx:
            services = self._standing.services(tx)
            latest = self._standing.latest(services)
            zone = (latest.workspace.policies if latest else Policies()).timezone
            now = self._dangol.clock.now()
            month = _Month.asked(request.query_params.get("month", ""), Calendar(date(2000, 1, 1), 1, zone, now).today)
            calendar = Calendar(month.first, month.length, zone, now)
            running = {one.key: one.campaign for one in services.values() if one.campaign is not None and one.may_run}
            ahead = look_ahead(tx, running, calendar, {one.key: one.version_id for one in services.values()})
        return page(
            "calendar.html",
            month=month,
            zone=zone,
            today=calendar.today,
            days=ahead.days,
            cut=ahead.cut,
            counted=COUNTED,
            names={key: campaign.name for key, campaign in running.items()},
            states={one.key: one.state for one in services.values()},
            known=set(services),
        )

    def _service(self, tx: Connection, key: str) -> Service:
        try:
            return self._standing.service(tx, key)
        except UnknownCampaign as error:
            raise HTTPException(404, f"{str(error)[0].upper()}{str(error)[1:]}.".replace("?.", "?")) from None

    def _measure(self, tx: Connection, kpi: Kpi, version_id: str, workspace: Workspace) -> Measure:
        now = self._dangol.clock.now()
        found = self._measured.get((version_id, kpi))
        if found is None or not timedelta() <= now - found.at < _FRESH:
            found = measure(tx, kpi, workspace, now)
            self._measured = {**self._only(version_id), (version_id, kpi): found}
        return found

    def _only(self, version_id: str) -> dict[tuple[str, Kpi], Measure]:
        """What was measured for the version in service; that of others will not be asked for again."""
        return {key: found for key, found in self._measured.items() if key[0] == version_id}

    def _previews(self, tx: Connection, version: Version) -> tuple[list[Preview], str]:
        try:
            return previews(version, self._dangol.releases.get(tx, version.id)), ""
        except UnknownVersion as error:
            return [], str(error)


@dataclass(frozen=True, slots=True)
class _Month:
    """A month of the calendar with its neighbours, None beyond what the calendar shows."""

    first: date
    before: date | None
    after: date | None

    @classmethod
    def asked(cls, text: str, today: date) -> _Month:
        """``2026-11``, or this month. Raises UsageError."""
        try:
            first = datetime.strptime(text.strip(), "%Y-%m").date() if text.strip() else today.replace(day=1)  # noqa: DTZ007
        except ValueError:
            raise UsageError(f"month: expected a month such as 2026-03; found {text[:40]!r}") from None
        distance = (first.year - today.year) * 12 + first.month - today.month
        if abs(distance) > _MONTHS:
            raise UsageError(f"month: the calendar shows {_MONTHS} months back and ahead; found {text[:40]!r}")
        before = (first - timedelta(days=1)).replace(day=1) if distance > -_MONTHS else None
        after = (first + timedelta(days=32)).replace(day=1) if distance < _MONTHS else None
        return cls(first, before, after)

    @property
    def weeks(self) -> list[list[date | None]]:
        """Monday to Sunday, None outside of the month."""
        days: list[date | None] = [None] * self.first.weekday()
        days += [self.first + timedelta(days=index) for index in range(self.length)]
        days += [None] * (-len(days) % 7)
        return [days[start : start + 7] for start in range(0, len(days), 7)]

    @property
    def length(self) -> int:
        return ((self.first + timedelta(days=32)).replace(day=1) - self.first).days


def _steps(version: Version, people: Mapping[str, int]) -> list[tuple[str, str, str, int]]:
    """Stage, name, what it does and how many wait before it, for every step."""
    names = {stage.key: stage.name for stage in version.workspace.journey_map.stages}
    return [
        (names.get(one.stage, one.stage), one.name, step_words(one.step)[0], people.get(one.position, 0))
        for one in version.campaign.placed
    ]


def _coming(tx: Connection, version: Version, service: Service, now: datetime) -> dict[str, object]:
    """What this campaign will do in the next four weeks."""
    zone = version.workspace.policies.timezone
    today = Calendar(date(2000, 1, 1), 1, zone, now).today
    calendar = Calendar(today, _AHEAD, zone, now)
    steps = {one.position: one for one in version.campaign.placed}
    waits = [
        (one.date, one.people, *_going_on(steps.get(one.position) if one.version_id == version.id else None, one))
        for one in steps_ahead(tx, service.key, calendar)
    ]
    firings = firings_of(service.key, version.campaign, calendar) if service.may_run else []
    return {
        "zone": zone,
        "days": _AHEAD,
        "firings": firings[:10],
        "waits": waits[:40],
        "due": due_ahead(tx, service.key, calendar)[:40],
    }


def _going_on(placed: PlacedStep | None, step: Step) -> tuple[str, str]:
    """What people do when their wait is over, and where."""
    if placed is None:
        return "go on", "to the end" if step.position == END else "on an earlier version"
    words = f"{placed.name}: {step_words(placed.step)[0]}"
    return ("stop listening", f"at {words}") if isinstance(placed.step, WaitFor) else ("go on", f"to {words}")


def _by_message(texts: list[Preview]) -> dict[str, list[Preview]]:
    found: dict[str, list[Preview]] = {}
    for text in texts:
        found.setdefault(text.message, []).append(text)
    return found
