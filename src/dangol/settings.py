"""Settings: environment variables that start with ``DANGOL_``, or a ``.env`` file in the current folder."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, model_validator
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
    sendgrid_webhook_key: str = Field(
        "", description="SendGrid's verification key of the Event Webhook; several, with spaces, while it is changed."
    )
    sendgrid_webhook_max_age: Length = Field(
        timedelta(hours=25), description="How old a signature of SendGrid may be; it tries again for 24 hours."
    )
    twilio_auth_token: SecretStr | None = Field(None, description="The auth token of the Twilio account.")
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
    max_attempts: int = Field(
        5, ge=1, le=100, description="Hand-overs tried after transient refusals before giving up."
    )
    retry_after: Length = Field(
        timedelta(minutes=1), description="First pause after a transient refusal; doubles each time."
    )

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
    def mailbox(self) -> Path:
        """The mailbox provider's own file."""
        return self.home / "mailbox.sqlite3"
