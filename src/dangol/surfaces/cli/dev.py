"""``dangol dev providers``: carriers played on this machine, to try everything without writing to anybody."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pydantic import ValidationError
from rich.console import Console
from rich.table import Table

from dangol.devproviders.credentials import UnusableKey
from dangol.devproviders.options import PROVIDERS, Behaviour, Options
from dangol.devproviders.server import CannotStart, Simulator, run
from dangol.errors import DangolError, UsageError
from dangol.surfaces.cli.outputs import check_writable, writing
from dangol.surfaces.cli.processes import tell

app = typer.Typer(name="dev", help="Tools to try things without writing to anybody.", no_args_is_help=True)

_MARK = "# Written by `dangol dev providers`; it may be overwritten.\n"
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


@app.callback()
def _tools() -> None:
    """Tools to try things without writing to anybody."""


@app.command()
def providers(
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port to listen on; 0 takes a free one.")] = 8025,
    seed: Annotated[str, typer.Option(help="Decides keys, ids and every draw.")] = "dangol",
    record: Annotated[Path | None, typer.Option(help="Append every accepted message to this file.")] = None,
    env: Annotated[Path | None, typer.Option(help="Write the settings that dangol needs to this file.")] = None,
    webhooks_to: Annotated[str | None, typer.Option(help="Where to report, such as http://127.0.0.1:8000.")] = None,
    public_url: Annotated[
        str | None, typer.Option(help="The public URL that inbound SMS are signed for; --webhooks-to by default.")
    ] = None,
    webhook_key: Annotated[Path | None, typer.Option(help="PEM file of the key that signs SendGrid's events.")] = None,
    latency: Annotated[str, typer.Option(help="How long answers take, such as 50ms.")] = "0",
    jitter: Annotated[str, typer.Option(help="By how much that varies, such as 20ms.")] = "0",
    rate_limit: Annotated[str | None, typer.Option(help="Answer 429 beyond this, such as 100/s.")] = None,
    error_rate: Annotated[str, typer.Option(help="The share answered with 500, such as 5%.")] = "0",
    hang_rate: Annotated[str, typer.Option(help="The share that is never accepted nor answered.")] = "0",
    timeout_after_accept_rate: Annotated[str, typer.Option(help="The share accepted and never answered.")] = "0",
    bounce_rate: Annotated[str, typer.Option(help="The share of email that bounces.")] = "0",
    webhook_duplicates: Annotated[str, typer.Option(help="The share of webhook events that come twice.")] = "0",
    webhook_delay: Annotated[str, typer.Option(help="Time before and between a message's events.")] = "0",
    webhook_shuffle: Annotated[bool, typer.Option("--webhook-shuffle", help="Send events out of order.")] = False,
    more: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="NAME=VALUE", help="Any other behaviour; with sendgrid. before it, of SendGrid only."
        ),
    ] = None,
) -> None:
    """Play SendGrid, Twilio, FCM and a push service for browsers until Ctrl-C. Nothing leaves this machine.

    Addresses decide what happens: bounce@example.com bounces, anna+slow2s@example.com takes two seconds.
    """
    behaviour = {
        "latency": latency,
        "jitter": jitter,
        "rate_limit": rate_limit,
        "error_rate": error_rate,
        "hang_rate": hang_rate,
        "timeout_after_accept_rate": timeout_after_accept_rate,
        "bounce_rate": bounce_rate,
        "webhook_duplicates": webhook_duplicates,
        "webhook_delay": webhook_delay,
        "webhook_shuffle": webhook_shuffle,
    }
    for option, path in (("--record", record), ("--env", env)):
        check_writable(option, path)
    _refuse_to_overwrite(env)
    common, special = _behaviours(behaviour, more or ())
    started = {
        "host": host,
        "port": port,
        "seed": seed,
        "record": record,
        "webhooks_to": webhooks_to,
        "public_url": public_url,
        "webhook_key": webhook_key,
        "service_account": _service_account(env) if env else None,
        "behaviour": common,
        "special": {provider: common | differing for provider, differing in special.items()},
    }
    try:
        simulator = Simulator(Options.model_validate(started))
        _ = simulator.credentials.webhook_key  # a key that cannot be used is told now
        run(simulator, lambda: _introduce(simulator, env), _until_interrupted)
    except ValidationError as error:
        raise UsageError("\n".join(map(_told, error.errors()))) from error
    except UnusableKey as error:
        raise UsageError(str(error)) from error
    except CannotStart as error:
        raise DangolError(str(error)) from error
    _sum_up(simulator)


@app.command()
def vapid() -> None:
    """Make a key by which browsers' push services know this installation. Keep it: with another, subscriptions end."""
    private = ec.generate_private_key(ec.SECP256R1())
    number = private.private_numbers().private_value.to_bytes(32, "big")
    point = private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    typer.echo(f"DANGOL_WEBPUSH_PRIVATE_KEY={_base64(number)}")
    typer.echo("DANGOL_WEBPUSH_SUBJECT=mailto:…  (whom push services write to about you)")
    typer.echo(f"\nYour page subscribes with this applicationServerKey:\n{_base64(point)}")


def _base64(text: bytes) -> str:
    return urlsafe_b64encode(text).rstrip(b"=").decode()


def _behaviours(options: Mapping[str, Any], more: Sequence[str]) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """Behaviour of all, and what differs for single providers. Raises UsageError for a --set without a name."""
    common, special = dict(options), dict[str, dict[str, Any]]()
    for given in more:
        name, equals, value = given.partition("=")
        provider, dot, rest = name.partition(".")
        if not equals or not name:
            raise UsageError(f"--set: found {given!r}, expected NAME=VALUE, such as open_rate=20%")
        if dot and provider not in PROVIDERS:
            raise UsageError(f"--set: found provider {provider!r} in {given!r}; there are {', '.join(PROVIDERS)}")
        (special.setdefault(provider, {}) if dot else common)[rest if dot else name] = value
    return common, special


def _told(error: Any) -> str:
    name = [str(part) for part in error["loc"] if part not in ("behaviour", "special", *PROVIDERS)]
    option = f"--{name[-1].replace('_', '-')}: " if name else ""
    if error["type"] == "extra_forbidden":
        return f"--set: found {name[-1]!r}; there are {', '.join(sorted(Behaviour.model_fields))}"
    return f"{option}{error['msg'].removeprefix('Value error, ')}"


async def _until_interrupted(event: asyncio.Event) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):
            asyncio.get_running_loop().add_signal_handler(number, event.set)
    await event.wait()


def _introduce(simulator: Simulator, env: Path | None) -> None:
    settings = _settings(simulator, env)
    if env is not None:
        _write(env, settings, simulator)
    options = simulator.options
    typer.echo(f"SendGrid, Twilio, FCM and WebPush are played on {simulator.url}. Ctrl-C stops it.")
    tell(
        {
            "SendGrid": f"{simulator.url}/v3/mail/send",
            "Twilio": f"{simulator.url}/2010-04-01/Accounts/{simulator.credentials.account_sid}/Messages.json",
            "FCM": f"{simulator.url}/v1/projects/{simulator.credentials.project}/messages:send",
            "WebPush": f"{simulator.url}/_sim/subscription?id=browser",
            "Counters": f"{simulator.url}/_sim/counts",
            "Accepted": f"{simulator.url}/_sim/record",
            "Record": str(options.record) if options.record else "in memory only; --record FILE keeps it",
            "Webhooks": f"to {options.webhooks_to}"
            if options.webhooks_to
            else "none; --webhooks-to http://127.0.0.1:8000",
        }
    )
    if env is not None:
        typer.echo(f"\nThe settings for dangol are in {env}.")
    else:
        typer.echo("\nSettings for dangol (--env FILE writes them, with a service account for FCM):\n")
        typer.echo("".join(f"{name}={value}\n" for name, value in settings.items()))
    if options.host not in _LOOPBACK:
        typer.echo(f"warning: anybody who reaches {options.host} can read what is sent here", err=True)


def _settings(simulator: Simulator, env: Path | None) -> dict[str, str]:
    """What dangol needs so that it takes these for its carriers."""
    known = simulator.credentials
    settings = {
        "DANGOL_EMAIL_PROVIDER": "sendgrid",
        "DANGOL_SENDGRID_URL": simulator.url,
        "DANGOL_SENDGRID_API_KEY": known.sendgrid_key,
        "DANGOL_SENDGRID_WEBHOOK_KEY": known.webhook_public_key(),
        "DANGOL_SMS_PROVIDER": "twilio",
        "DANGOL_TWILIO_URL": simulator.url,
        "DANGOL_TWILIO_ACCOUNT_SID": known.account_sid,
        "DANGOL_TWILIO_AUTH_TOKEN": known.auth_token,
        "DANGOL_TWILIO_FROM": known.from_number,
        "DANGOL_WEBPUSH_PRIVATE_KEY": known.vapid_key,
        "DANGOL_WEBPUSH_SUBJECT": known.vapid_subject,
        # Browsers' endpoints are on this machine here, where web push does not go otherwise.
        "DANGOL_WEBHOOK_ALLOW": "127.0.0.1",
        "DANGOL_PUSH_PROVIDER": "webpush",
    }
    if env is None:
        return settings
    fcm = {"DANGOL_FCM_URL": simulator.url, "DANGOL_FCM_CREDENTIALS": str(_service_account(env).absolute())}
    return settings | {"DANGOL_PUSH_PROVIDER": "fcm,webpush"} | fcm


def _service_account(env: Path) -> Path:
    return env.with_name(f"{env.name}.service-account.json")


def _refuse_to_overwrite(env: Path | None) -> None:
    """Raise UsageError if the file holds somebody's own settings."""
    if env is not None and env.exists() and not env.read_text(encoding="utf-8", errors="replace").startswith(_MARK):
        raise UsageError(f"--env: {env} is there already and was not written by this command; name another file")


def _write(env: Path, settings: Mapping[str, str], simulator: Simulator) -> None:
    account = json.dumps(simulator.credentials.service_account(simulator.url), indent=2)
    lines = "".join(f"{name}={value}\n" for name, value in settings.items())
    with writing("--env", env):
        for path, text in ((_service_account(env), account), (env, _MARK + lines)):
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
                file.write(text)


def _sum_up(simulator: Simulator) -> None:
    told = simulator.control.counts()
    table = Table(box=None, pad_edge=False)
    for name, justify in (("provider", "left"), ("what", "left"), ("requests", "right")):
        table.add_column(name, justify=justify)  # type: ignore[arg-type]
    for provider, counts in told["providers"].items():
        for what, count in counts.items():
            table.add_row(provider, what if not what.isdigit() else f"refused with {what}", f"{count:,}")
    for what, count in told["webhooks"].items():
        if count:
            table.add_row("webhooks", what, f"{count:,}")
    typer.echo("")
    if table.row_count:
        Console(highlight=False).print(table)
    else:
        typer.echo("Nothing was sent.")
