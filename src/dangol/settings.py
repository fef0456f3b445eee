"""Settings: environment variables that start with ``DANGOL_``, or a ``.env`` file in the current folder."""

from __future__ import annotations

import os
import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

from dotenv import dotenv_values
from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

Length = Annotated[timedelta, Field(gt=timedelta())]
"""A length of time that is not nothing."""


def _kept(least: int, description: str) -> Any:
    return Field(None, ge=timedelta(days=least), description=description)


NOWHERE = "https://dangol.example"
"""The public URL of runs whose messages reach nobody: simulations, scenarios, the demo."""


_ENV_FILE = ".env"


class Settings(BaseSettings):
    """Where things are and how patient to be. Secrets are never printed."""

    model_config = SettingsConfigDict(env_prefix="DANGOL_", env_file=_ENV_FILE, extra="ignore", frozen=True)

    workspace: Path = Field(Path(), description="The folder that holds campaigns/ and templates/.")
    home: Path = Field(Path(".dangol"), description="Where the embedded database and the mailbox are kept.")
    database_url: str = Field("", description="SQLAlchemy URL of the database; empty means SQLite in the home folder.")
    operator: str = Field("", description="Who deploys, pauses and stops, for the record; user@host unless given.")
    broker_url: str = Field(
        "", description="redis://… or amqp://…; empty means Dramatiq's in-memory broker (one process)."
    )
    public_url: Annotated[str, Field(pattern=r"^(https://[^\s/?#]+(/[^\s?#]*)?)?$")] = Field(
        "", description="https://… where recipients reach this installation; empty means no links to our pages."
    )
    write_key: SecretStr | None = Field(
        None, description="The key that backend services present; empty means one is made and kept."
    )
    secret_key: SecretStr | None = Field(
        None,
        description="Signs recipients' links, and keys address hashes; empty means one is made and kept.",
    )
    secret_keys_old: SecretStr | None = Field(
        None, description="Keys that were DANGOL_SECRET_KEY before, the newest first, with commas: their links work on."
    )
    hash_key: SecretStr | None = Field(
        None, description="Keys the hashes of suppressed addresses; empty means the key that they were first made with."
    )
    email_provider: str = Field("mailbox", description="Who hands over email: names of providers with commas, or none.")
    sms_provider: str = Field("mailbox", description="Who hands over SMS: names of providers with commas, or none.")
    push_provider: str = Field("mailbox", description="Who hands over push: names of providers with commas, or none.")
    smtp_host: str = Field("127.0.0.1", description="Host of the SMTP server.")
    smtp_port: int = Field(25, ge=1, le=65535, description="Port of the SMTP server.")
    smtp_username: str = Field("", description="User name at the SMTP server, if it asks for one.")
    smtp_password: SecretStr | None = Field(None, description="Password at the SMTP server.")
    smtp_security: Literal["none", "starttls", "tls"] = Field("none", description="none, starttls or tls.")
    smtp_timeout: Length = Field(timedelta(seconds=30), description="How long one SMTP step may take.")
    sendgrid_api_key: SecretStr | None = Field(None, description="SendGrid's API key, with the right to send mail.")
    sendgrid_url: str = Field("https://api.sendgrid.com", description="Where SendGrid is, or a simulator of it.")
    sendgrid_tracking: bool = Field(False, description="Whether SendGrid may rewrite links and add a pixel.")
    sendgrid_sandbox: bool = Field(False, description="Whether SendGrid only checks messages and delivers none.")
    twilio_account_sid: str = Field("", description="Twilio's account: AC and 32 digits.")
    twilio_auth_token: SecretStr | None = Field(None, description="The account's token; signs Twilio's callbacks.")
    twilio_api_key: str = Field("", description="An API key (SK…) to send with instead of the token.")
    twilio_api_secret: SecretStr | None = Field(None, description="The secret of that API key.")
    twilio_url: str = Field("https://api.twilio.com", description="Where Twilio is, or a simulator of it.")
    twilio_messaging_service: str = Field("", description="The Messaging Service (MG…) that sends.")
    twilio_from: str = Field("", description="The number or name that sends, without a Messaging Service.")
    twilio_countries: str = Field(
        "", description="Countries (US, GB, …) that SMS go to through Twilio; empty means all but KR."
    )
    fcm_credentials: Path | None = Field(None, description="The key file of the service account that may use FCM.")
    fcm_url: str = Field("https://fcm.googleapis.com", description="Where FCM is, or a simulator of it.")
    webpush_private_key: SecretStr | None = Field(
        None, description="The VAPID key that browsers' push services know us by; `dangol dev vapid` makes one."
    )
    webpush_subject: str = Field("", description="Whom push services write to about us: mailto:… or https://….")
    carrier_connections: int = Field(
        256, ge=1, le=10_000, description="Connections to one carrier's host, in one process."
    )
    carrier_connect_timeout: Length = Field(
        timedelta(seconds=5), description="How long a connection to a carrier may take, and how long its TLS."
    )
    carrier_read_timeout: Length = Field(
        timedelta(seconds=15), description="How long a carrier may be silent before its answer counts as lost."
    )
    carrier_failures: int = Field(
        3, ge=1, le=100, description="After so many hand-overs in a row that came to nothing a carrier is left alone."
    )
    carrier_pause: Length = Field(
        timedelta(seconds=30), description="For how long at first; doubles with each failure, up to 10 minutes."
    )
    carrier_timeout: Length = Field(
        timedelta(seconds=30), description="How long a request to a carrier may take, its answer included."
    )
    pace: str = Field(
        "",
        description="Rates, such as `sendgrid=100/s, twilio:+15005550006=30/minute`; empty means as fast as it goes.",
    )
    sendgrid_webhook_key: str = Field(
        "", description="SendGrid's verification key of the Event Webhook; several, with spaces, while it is changed."
    )
    sendgrid_webhook_max_age: Length = Field(
        timedelta(hours=25), description="How old a signature of SendGrid may be; it tries again for 24 hours."
    )
    twilio_shared_keys: SecretStr | None = Field(
        None, description="Shared keys that sign Twilio's webhooks where a webhook rule says so, with spaces."
    )
    soft_bounces: int = Field(
        5, ge=0, le=100, description="Soft bounces in a row, over three days, that suppress an address; 0: never."
    )
    feedback_kept: Length = Field(
        timedelta(days=30), description="How long what carriers reported is kept once it is processed."
    )
    webhook_secret: SecretStr | None = Field(
        None, description="Signs calls of `webhook` steps: whsec_ and base64; empty means one is made and kept."
    )
    webhook_allow: str = Field(
        "",
        description="Hosts, addresses and networks that `webhook` steps and web push may call although not public.",
    )
    webhook_connect_timeout: Length = Field(
        timedelta(seconds=5), description="How long a connection to a receiver of calls may take."
    )
    webhook_timeout: Length = Field(
        timedelta(seconds=15), description="How long a call may take once connected, its answer included."
    )
    batch_size: int = Field(500, ge=1, le=10_000, description="Messages, journeys or events in one batch.")
    worker_threads: int = Field(4, ge=1, le=64, description="Worker threads in `dangol up`.")
    first_threads: int = Field(
        2,
        ge=1,
        le=64,
        description="Threads beside them for transactional messages only, and as many for events of the broker.",
    )
    tick: Length = Field(timedelta(seconds=1), description="How often the scheduler looks for due work.")
    queue_lease: Length = Field(
        timedelta(minutes=2),
        gt=timedelta(),
        description="After this, work that was queued and not begun is queued again.",
    )
    send_lease: Length = Field(
        timedelta(minutes=10),
        gt=timedelta(),
        description="After this, a hand-over without an outcome counts as unknown.",
    )
    stop_within: Length = Field(
        timedelta(seconds=30), description="How long a process that is told to stop waits for the work in hand."
    )
    intake_limit: int = Field(
        200, ge=1, le=10_000, description="API calls in hand at one time in a process; more are asked to come later."
    )
    metrics_address: Annotated[str, Field(pattern=r"^(|[^\s:/]+:\d{1,5}|\[[0-9a-fA-F:]+\]:\d{1,5})$")] = Field(
        "127.0.0.1:9191", description="Where a process serves its figures; the next free port if taken; empty: nowhere."
    )
    log_format: Literal["json", "console"] = Field("json", description="How log lines are written: json or console.")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "warning", description="The least that is written: debug, info, warning or error."
    )
    telemetry_endpoint: Annotated[str, Field(pattern=r"^(https?://\S+)?$")] = Field(
        "", description="http(s)://…/v1/traces that takes traces over OTLP; empty means that none are made."
    )
    telemetry_share: float = Field(0.01, ge=0, le=1, description="The share of journeys that are traced, 0 to 1.")
    max_attempts: int = Field(
        5, ge=1, le=100, description="Hand-overs tried after transient refusals before giving up."
    )
    retry_after: Length = Field(
        timedelta(minutes=1), description="First pause after a transient refusal; doubles each time."
    )

    keep_events: timedelta | None = _kept(120, "How long events are kept at least; empty means for ever.")
    keep_messages: timedelta | None = _kept(
        120, "How long journeys that are over are kept, with their messages, calls and slots; empty means for ever."
    )
    keep_rejected: timedelta | None = _kept(1, "How long events that were refused are kept; empty means for ever.")
    keep_log: timedelta | None = _kept(366, "How long the log is kept, in whole months; empty means for ever.")

    @model_validator(mode="after")
    def _a_replay_is_known(self) -> Settings:
        """A report that is played again is told by its row, so that has to be there for as long as it is let in."""
        if self.feedback_kept <= self.sendgrid_webhook_max_age:
            raise ValueError("DANGOL_FEEDBACK_KEPT: expected more than DANGOL_SENDGRID_WEBHOOK_MAX_AGE")
        return self

    @property
    def database(self) -> str:
        """The database URL in force."""
        return self.database_url or f"sqlite:///{self.home / 'dangol.sqlite3'}"

    @property
    def pool_size(self) -> int:
        """Connections to the database that a process keeps open; under load it opens as many again."""
        return max(10, self.worker_threads + 2 * self.first_threads + 2)

    @property
    def mailbox(self) -> Path:
        """The mailbox provider's own file."""
        return self.home / "mailbox.sqlite3"


def provider_options(name: str) -> dict[str, str]:
    """What ``DANGOL_PROVIDER_<NAME>_…`` says to one provider, by the rest of the variable's name in small letters.

    As with settings, a variable wins over the ``.env`` file.
    """
    prefix = f"DANGOL_PROVIDER_{re.sub(r'[^A-Z0-9]', '_', name.upper())}_"
    told = {**dotenv_values(_ENV_FILE), **os.environ}
    return {
        variable.removeprefix(prefix).lower(): value
        for variable, value in told.items()
        if variable.startswith(prefix) and value is not None
    }
