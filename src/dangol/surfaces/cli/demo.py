"""``dangol demo``: the shipped campaigns on eighteen months of real purchases, in a minute."""

from __future__ import annotations

import json
import re
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer
from pydantic import SecretStr
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.panel import Panel
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from dangol.bootstrap import Dangol, shipped_workspace
from dangol.clock import SystemClock, VirtualClock
from dangol.definitions import versions
from dangol.delivery.providers.mailbox import Mail
from dangol.errors import AlreadyRunning, StoreUnavailable
from dangol.ids import SeededEntropy
from dangol.model.vocabulary import Channel, Reason
from dangol.settings import NOWHERE, Settings
from dangol.simulate.replay import STARTS, Summary, replay, summarise
from dangol.store.database import Database
from dangol.store.housekeeping import UP_LEASE, lease_holder

_ORDERS = 6_919
_DATABASE = "dangol.sqlite3"
_LATEST = 200
_HANGUL = re.compile("[가-힣]")


def demo(
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as one JSON object.")] = False,
) -> None:
    """Replay real purchases through the shipped campaigns; nothing leaves this machine.

    6,919 orders of 2,357 customers (CDNOW, 1997–98) run through the same pipeline as in production, on a virtual
    clock and into the mailbox. Names, addresses and consents are made up, the same way every time.
    """
    began = time.perf_counter()
    home = Settings().home / "demo"
    summary, examples = _run(home, quiet=as_json)
    seconds = round(time.perf_counter() - began, 1)
    database = home / _DATABASE
    if as_json:
        typer.echo(json.dumps(_as_json(summary, database, seconds), ensure_ascii=False))
    else:
        _tell(Console(), summary, examples, home, seconds)


def _run(home: Path, *, quiet: bool) -> tuple[Summary, dict[Channel, Mail | None]]:
    """Run in a folder of its own beside the final one and swap at the end: an interrupted run leaves the last one."""
    _refuse_if_in_use(home)
    home.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=home.parent, prefix="demo-") as folder:
        partial = Path(folder) / "demo"
        summary, examples = _replay(partial, quiet=quiet)
        _refuse_if_in_use(home)
        shutil.rmtree(home, ignore_errors=True)
        partial.rename(home)
    return summary, examples


def _refuse_if_in_use(home: Path) -> None:
    if not (home / _DATABASE).exists():
        return
    database = Database(f"sqlite:///{home / _DATABASE}")
    try:
        with database.read() as tx:
            holder = lease_holder(tx, UP_LEASE, SystemClock().now())
    except StoreUnavailable:
        return  # whatever lies there, nobody runs on it
    finally:
        database.close()
    if holder is not None:
        raise AlreadyRunning(f"a `dangol up` ({holder}) runs on the demo's database; stop it first")


def _replay(partial: Path, *, quiet: bool) -> tuple[Summary, dict[Channel, Mail | None]]:
    clock = VirtualClock(STARTS)
    settings = Settings(
        home=partial,
        database_url=f"sqlite:///{partial / _DATABASE}",
        workspace=shipped_workspace(),
        email_provider="mailbox",
        sms_provider="mailbox",
        push_provider="mailbox",
        secret_key=SecretStr("demo"),
        public_url=NOWHERE,
    )
    with Dangol(settings, clock=clock, entropy=SeededEntropy("demo"), durable=False) as dangol:
        dangol.deploy(by="dangol demo")
        with _progress(quiet=quiet) as step:
            replay(dangol.pipeline, dangol.sweeper, clock, step)
        with dangol.database.write() as tx:
            # A later `dangol up` on this database then deploys anew, and no schedule makes up for the years between.
            versions.withdraw(tx, at=clock.now(), by="dangol demo")
            summary = summarise(tx)
        return summary, {channel: _example(dangol, channel) for channel in Channel}


def _example(dangol: Dangol, channel: Channel) -> Mail | None:
    """The latest message on a channel, in Korean if there is one among the latest."""
    page = dangol.mailbox.page(channel=channel, limit=_LATEST)
    korean = (mail for mail in page if _HANGUL.search(mail.excerpt))
    chosen = next(korean, page[0] if page else None)
    return dangol.mailbox.get(chosen.seq) if chosen else None


@contextmanager
def _progress(*, quiet: bool) -> Iterator[Callable[[datetime, int], None]]:
    """A bar on stderr that counts orders; nothing when quiet."""
    if quiet:
        yield lambda _at, _orders: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("1997-01", total=_ORDERS)
        yield lambda at, orders: bar.update(task, advance=orders, description=at.strftime("%Y-%m"))


def _as_json(summary: Summary, database: Path, seconds: float) -> dict[str, Any]:
    by_campaign: dict[str, dict[str, dict[str, int]]] = {}
    for (campaign, channel, state), count in summary.messages.items():
        by_campaign.setdefault(campaign, {}).setdefault(channel, {})[state] = count
    return {
        "triggers": summary.triggers,
        "journeys": sum(summary.journeys.values()),
        "messages": by_campaign,
        "refusals": dict(sorted(summary.refusals.items())),
        "deferrals": dict(sorted(summary.deferrals.items())),
        "log_digest": summary.log_digest,
        "database": str(database),
        "seconds": seconds,
    }


def _tell(console: Console, summary: Summary, examples: dict[Channel, Mail | None], home: Path, seconds: float) -> None:
    console.print()
    console.print(
        f"[bold]{summary.triggers:,} orders[/] of 2,357 customers, January 1997 to June 1998, in {seconds} s. "
        "Orders are real (CDNOW sample, Fader and Hardie); names, addresses and consents are made up."
    )
    console.print(_triggers(summary))
    console.print(_journeys(summary))
    console.print(_messages(summary))
    console.print(_reasons("Not sent, and why", summary.refusals))
    console.print(_reasons("Put off, and why", summary.deferrals))
    for channel, mail in examples.items():
        if mail is not None:
            console.print(_example_panel(channel, mail))
    person = next((mail.recipient for mail in examples.values() if mail and mail.channel == Channel.EMAIL), "")
    profile = person.removeprefix("c").partition("@")[0] or "0001"
    console.print(f"Log        {summary.log_entries:,} entries, digest {summary.log_digest[:16]}…")
    console.print(f"Database   {home / _DATABASE}", soft_wrap=True)
    console.print(f"Mailbox    {home / 'mailbox.sqlite3'}", soft_wrap=True)
    console.print()
    console.print("Try next:")
    for command in (
        f"dangol explain --profile {profile}",
        "dangol log list --reason consent_missing",
        "dangol up",
    ):
        console.print(f"  DANGOL_HOME={home} .venv/bin/{command}", style="green", soft_wrap=True, highlight=False)


def _triggers(summary: Summary) -> Table:
    table = _table("Triggers", "trigger", "what it is", "times")
    table.add_row("Order Completed", "an order from the sample", f"{summary.triggers:,}")
    table.add_row("schedule", "a campaign's schedule fired", f"{summary.firings:,}")
    return table


def _journeys(summary: Summary) -> Table:
    table = _table("Journeys", "campaign", "how they stand", "journeys")
    for (campaign, outcome), count in summary.journeys.items():
        table.add_row(campaign, outcome.replace("_", " "), f"{count:,}")
    return table


def _messages(summary: Summary) -> Table:
    table = _table("Messages", "campaign", "channel", "state", "messages")
    for (campaign, channel, state), count in summary.messages.items():
        table.add_row(campaign, channel.replace(",", " or "), state, f"{count:,}")
    return table


def _reasons(title: str, counted: Counter[str]) -> Table:
    table = _table(title, "reason", "what it means", "times")
    for reason, count in counted.most_common():
        table.add_row(reason, Reason(reason).meaning, f"{count:,}")
    return table


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
    for column in columns[:-1]:
        table.add_column(column, overflow="fold")
    table.add_column(columns[-1], justify="right")
    return table


def _example_panel(channel: Channel, mail: Mail) -> Panel:
    subject = f"[bold]{escape(mail.subject)}[/]\n\n" if mail.subject else ""
    link = f"\n\n{escape(mail.link)}" if mail.link else ""
    title = f"{channel.value} to {escape(mail.recipient)}, {mail.received_at:%Y-%m-%d %H:%M} UTC"
    return Panel(f"{subject}{escape(mail.text.strip())}{link}", title=title, title_align="left", width=88)
