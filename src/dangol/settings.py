"""Settings: environment variables that start with ``DANGOL_``, or a ``.env`` file in the current folder."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

Length = Annotated[timedelta, Field(gt=timedelta())]
"""A length of time that is not nothing."""


NOWHERE = "https://dangol.example"
"""The public URL of runs whose messages reach nobody: simulations, scenarios, the demo."""


class Settings(BaseSettings):
    """Where things are and how patient to be. Secrets are never printed."""

    model_config = SettingsConfigDict(env_prefix="DANGOL_", env_file=".env", extra="ignore", frozen=True)

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
    email_provider: str = Field("mailbox", description="Which provider hands over email: mailbox, smtp or none.")
    sms_provider: str = Field("mailbox", description="Which provider hands over SMS: mailbox or none.")
    push_provider: str = Field("mailbox", description="Which provider hands over push: mailbox or none.")
    smtp_host: str = Field("127.0.0.1", description="Host of the SMTP server.")
    smtp_port: int = Field(25, ge=1, le=65535, description="Port of the SMTP server.")
    smtp_username: str = Field("", description="User name at the SMTP server, if it asks for one.")
    smtp_password: SecretStr | None = Field(None, description="Password at the SMTP server.")
    smtp_security: Literal["none", "starttls", "tls"] = Field("none", description="none, starttls or tls.")
    smtp_timeout: Length = Field(timedelta(seconds=30), description="How long one SMTP step may take.")
    webhook_secret: SecretStr | None = Field(
        None, description="Signs calls of `webhook` steps: whsec_ and base64; empty means one is made and kept."
    )
    webhook_allow: str = Field(
        "", description="Hosts, addresses and networks that `webhook` steps may call although they are not public."
    )
    webhook_connect_timeout: Length = Field(
        timedelta(seconds=5), description="How long a connection to a receiver of calls may take."
    )
    webhook_timeout: Length = Field(
        timedelta(seconds=15), description="How long a call may take once connected, its answer included."
    )
    batch_size: int = Field(500, ge=1, le=10_000, description="Messages, journeys or events in one batch.")
    worker_threads: int = Field(4, ge=1, le=64, description="Worker threads in `dangol up`.")
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

    @property
    def database(self) -> str:
        """The database URL in force."""
        return self.database_url or f"sqlite:///{self.home / 'dangol.sqlite3'}"

    @property
    def pool_size(self) -> int:
        """Connections to the database that a process keeps open; under load it opens as many again."""
        return max(10, self.worker_threads + 2)

    @property
    def mailbox(self) -> Path:
        """The mailbox provider's own file."""
        return self.home / "mailbox.sqlite3"
