"""Every table. Personal data lives in rows that can be deleted; insert-only tables hold it only encrypted (G8)."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
    text,
    true,
)

from dangol.store.spelling import beyond_ascii, lowered
from dangol.store.types import Id, Instant, Json

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)
Key64 = String(64)
_OPEN_MESSAGE = text("state IN ('planned', 'due', 'sending')")
_WAITING_MESSAGE = text("state IN ('planned', 'due', 'held')")
_LEASED_MESSAGE = text("state IN ('due', 'sending', 'unknown')")
Sequence64 = BigInteger().with_variant(Integer(), "sqlite")

# People. Deletable.

profiles = Table(
    "profiles",
    metadata,
    Column("id", Id, primary_key=True, comment="opaque: a log entry alone names nobody"),
    Column("external_id", Text, nullable=False, unique=True),
    Column("email", Text),
    Column("phone", Text, comment="E.164"),
    Column("locale", String(35)),
    Column("timezone", String(64), comment="as given; may be a zone that does not exist"),
    Column("country", String(2)),
    Column("attributes", Json, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Column("erased_at", Instant),
)
Index("ix_profiles_phone", profiles.c.phone)
Index("ix_profiles_email", lowered(profiles.c.email))
Index(
    "ix_profiles_email_beyond_ascii",
    profiles.c.id,
    postgresql_where=beyond_ascii(profiles.c.email),
    sqlite_where=beyond_ascii(profiles.c.email),
)

profile_keys = Table(
    "profile_keys",
    metadata,
    Column("profile_id", Id, primary_key=True),
    Column(
        "key",
        LargeBinary,
        nullable=False,
        comment="opens this person's sealed log contexts; destroyed on erasure",
    ),
)

devices = Table(
    "devices",
    metadata,
    Column("id", Id, primary_key=True),
    Column("profile_id", Id, ForeignKey("profiles.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("token", Text, nullable=False, unique=True),
    Column("platform", String(16), nullable=False),
    Column("last_seen_at", Instant, nullable=False),
)

events = Table(
    "events",
    metadata,
    Column("id", Id, primary_key=True),
    Column("message_id", String(100), nullable=False, unique=True, comment="the sender's idempotency key"),
    Column("profile_id", Id, ForeignKey("profiles.id", ondelete="CASCADE"), nullable=False),
    Column("name", String(200), nullable=False),
    Column("properties", Json, nullable=False),
    Column("source", String(64), nullable=False),
    Column("occurred_at", Instant, nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("hops", SmallInteger, nullable=False, server_default="0", comment="how many `emit` steps led to it"),
    Index("ix_events_profile_name_time", "profile_id", "name", "occurred_at"),
)

rejected_events = Table(
    "rejected_events",
    metadata,
    Column("id", Id, primary_key=True),
    Column("source", String(64), nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("code", String(64), nullable=False),
    Column("message", Text, nullable=False),
    Column("payload", Text, nullable=False, comment="what came, as it came, up to a limit"),
)

# Consent: an insert-only ledger and its derived current state.

consents = Table(
    "consents",
    metadata,
    Column("id", Id, primary_key=True),
    Column("profile_id", Id, nullable=False),
    Column("channel", String(16), nullable=False),
    Column("purpose", String(16), nullable=False),
    Column("action", String(16), nullable=False),
    Column("basis", String(64), nullable=False),
    Column("source", String(200), nullable=False),
    Column("wording", Text, nullable=False, comment="the exact words shown; empty if there is no proof"),
    Column("occurred_at", Instant, nullable=False),
    Column("recorded_at", Instant, nullable=False),
    Column("topic", Key64, nullable=False, server_default="", comment="empty: all; night: at night too"),
    Column("jurisdiction", String(8), nullable=False, server_default=""),
    Column("wording_version", String(100), nullable=False, server_default=""),
    Column("wording_hash", Key64, comment="SHA-256 of the wording"),
    Column("locale", String(35), nullable=False, server_default=""),
    Column("proof", String(300), nullable=False, server_default="", comment="where evidence is kept"),
    Column("utc_offset", SmallInteger, comment="minutes east of UTC of the person's clock then"),
    Column("sealed", LargeBinary, comment="network address and browser, under the person's key"),
    Index("ix_consents_recorded_at", "recorded_at"),
    Index("ix_consents_profile", "profile_id", "channel", "purpose", "occurred_at"),
)

consent_states = Table(
    "consent_states",
    metadata,
    Column("profile_id", Id, primary_key=True),
    Column("channel", String(16), primary_key=True),
    Column("purpose", String(16), primary_key=True),
    Column("topic", Key64, primary_key=True, server_default=""),
    Column("granted", Boolean, nullable=False),
    Column("consent_id", Id, nullable=False),
    Column("occurred_at", Instant, nullable=False),
    Column("status", String(16), nullable=False, server_default="granted"),
    Column("basis", Key64, nullable=False, server_default="consent"),
    Column("proven", Boolean, nullable=False, server_default=true()),
    Column("since", Instant),
    Column("confirmed_at", Instant),
    Column("jurisdiction", String(8), nullable=False, server_default=""),
    Column("confirmed", Boolean, nullable=False, server_default=false(), comment="by a second message"),
    Column("refused_at", Instant, comment="of what waits to be confirmed: the no before it"),
    Column("asked", String(26), nullable=False, server_default="", comment="the request that is open"),
    Index("ix_consent_states_confirmed", "jurisdiction", "confirmed_at"),
)

suppressions = Table(
    "suppressions",
    metadata,
    Column("id", Id, primary_key=True),
    Column("address_hash", Key64, nullable=False, index=True, comment="keyed hash; outlives erasure"),
    Column("channel", String(16), nullable=False),
    Column("cause", String(32), nullable=False),
    Column("source", String(200), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("lifted_at", Instant),
    Column("scope", String(16), nullable=False, server_default="all", comment="which purposes it keeps away"),
    Column("note", String(500), nullable=False, server_default=""),
    Column("lifted_by", String(200)),
    Column("lifted_because", String(500)),
)

preferences = Table(
    "preferences",
    metadata,
    Column("profile_id", Id, ForeignKey("profiles.id", ondelete="CASCADE"), primary_key=True),
    Column("paused_until", Instant),
    Column("at_most", SmallInteger, comment="marketing messages in per_days days; null: as many as the caps allow"),
    Column("per_days", SmallInteger, nullable=False, server_default="7"),
    Column("updated_at", Instant, nullable=False),
)

requests = Table(
    "requests",
    metadata,
    Column("id", Id, primary_key=True),
    Column("profile_id", Id, nullable=False, index=True),
    Column("kind", String(16), nullable=False, comment="erasure or export"),
    Column("source", String(200), nullable=False),
    Column("asked_at", Instant, nullable=False),
    Column("due_at", Instant, nullable=False, comment="until when the law wants it done"),
    Column("done_at", Instant),
    Column("done_by", String(200)),
)

replies = Table(
    "replies",
    metadata,
    Column("id", Id, primary_key=True),
    Column("address_hash", String(64), nullable=False, comment="keyed; who wrote"),
    Column("channel", String(16), nullable=False),
    Column("intent", String(16), nullable=False, comment="what it asked for"),
    Column("keyword", String(64), nullable=False, comment="by which keyword or way to say it that was told"),
    Column("answer", String(16), nullable=False, comment="which text answered it; empty: none"),
    Column("locale", String(2), nullable=False, comment="the language of the answer"),
    Column("received_at", Instant, nullable=False),
    Index("ix_replies_address_hash", "address_hash", "received_at"),
)
"""What people answered to a message, without what they wrote."""

consent_forms = Table(
    "consent_forms",
    metadata,
    Column("id", Key64, primary_key=True, comment="hash of key and definition"),
    Column("key", Key64, nullable=False, index=True),
    Column("version", Integer, nullable=False, comment="counts up with every change of the wording"),
    Column("definition", Json, nullable=False),
    Column("registered_at", Instant, nullable=False),
    Column("registered_by", String(200), nullable=False),
    UniqueConstraint("key", "version"),
)

# Definitions: content-addressed and immutable.

blobs = Table(
    "blobs",
    metadata,
    Column("hash", Key64, primary_key=True),
    Column("content", Text, nullable=False),
)

versions = Table(
    "versions",
    metadata,
    Column("id", Key64, primary_key=True, comment="hash of the manifest"),
    Column("campaign_key", Key64, nullable=False, index=True),
    Column("manifest", Json, nullable=False, comment="path → blob hash of every file the campaign depends on"),
    Column("created_at", Instant, nullable=False),
    Column("created_by", String(200), nullable=False),
    Column("git_commit", String(64), comment="the git commit it was first deployed from, if there was one"),
)

deployments = Table(
    "deployments",
    metadata,
    Column("seq", Sequence64, primary_key=True, autoincrement=True),
    Column("campaign_key", Key64, nullable=False, index=True),
    Column("version_id", Key64, comment="null: the campaign was taken out of service"),
    Column("deployed_at", Instant, nullable=False),
    Column("deployed_by", String(200), nullable=False),
    Column(
        "action", String(16), nullable=False, server_default="deploy", comment="deploy, rollback, promote, withdraw"
    ),
    Column("git_commit", String(64)),
    Column("facts_told", Integer, comment="how often its texts tell the facts they should; null: nobody counted"),
    Column("facts_differing", Integer, comment="how often a text tells a fact otherwise than the others"),
    Column("facts_missing", Integer, comment="how often a text lacks a fact that another tells"),
)

controls = Table(
    "controls",
    metadata,
    Column("seq", Sequence64, primary_key=True, autoincrement=True),
    Column("campaign_key", Key64, nullable=False, index=True),
    Column("action", String(16), nullable=False, comment="pause, resume or stop; the latest one holds"),
    Column("at", Instant, nullable=False),
    Column("by", String(200), nullable=False),
    Column("note", String(500), nullable=False),
)

# Journeys and messages.

journeys = Table(
    "journeys",
    metadata,
    Column("id", Id, primary_key=True),
    Column("campaign_key", Key64, nullable=False),
    Column("version_id", Key64, nullable=False),
    Column("profile_id", Id, nullable=False),
    Column("entry_key", String(64), nullable=False, comment="what makes this entry this entry"),
    Column("entry_event_id", Id),
    Column("status", String(16), nullable=False),
    Column("position", String(64), nullable=False, comment="the step that runs next"),
    Column("wake_at", Instant),
    Column("queued_until", Instant, comment="a worker has been told; told again after this"),
    Column("entered_at", Instant, nullable=False),
    Column("ended_at", Instant),
    Column("end_reason", String(64)),
    Column("correlation", Key64, nullable=False, server_default="", comment="the entry's key; one journey for each"),
    Column("awaits", String(200), comment="the event that a wait_for listens to"),
    Column("awaits_since", Instant, comment="when that wait began"),
    Column("hops", SmallInteger, nullable=False, server_default="0", comment="how many `emit` steps led here"),
    Column("waits_until", Instant, comment="when its wait is over, if its campaign's end wakes it first"),
    UniqueConstraint("campaign_key", "profile_id", "entry_key"),
    Index("ix_journeys_step", "campaign_key", "status", "version_id", "position"),
    Index("ix_journeys_due", "status", "wake_at"),
    Index("ix_journeys_profile", "profile_id", "status"),
)

arms = Table(
    "arms",
    metadata,
    Column("profile_id", Id, primary_key=True),
    Column("campaign_key", Key64, primary_key=True),
    Column("experiment", Key64, primary_key=True),
    Column("arm", Key64, nullable=False, comment="who had it keeps it, whatever becomes of the weights"),
    Column("assigned_at", Instant, nullable=False),
)

members = Table(
    "members",
    metadata,
    Column("campaign_key", Key64, primary_key=True),
    Column("profile_id", Id, primary_key=True),
    Column("joined_at", Instant, nullable=False),
)

calls = Table(
    "calls",
    metadata,
    Column("id", Id, primary_key=True),
    Column("journey_id", Id, nullable=False),
    Column("campaign_key", Key64, nullable=False),
    Column("version_id", Key64, nullable=False),
    Column("profile_id", Id, nullable=False),
    Column("stage", Key64, nullable=False),
    Column("step", Key64, nullable=False),
    Column("url", Text, nullable=False),
    Column("payload", Json, nullable=False),
    Column("state", String(16), nullable=False),
    Column("reason", String(64)),
    Column("due_at", Instant, nullable=False),
    Column("expires_at", Instant),
    Column("lease_until", Instant),
    Column("attempt", SmallInteger, nullable=False),
    Column("planned_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    UniqueConstraint("journey_id", "step"),
    Index("ix_calls_due", "state", "due_at"),
    Index("ix_calls_lease", "state", "lease_until"),
    Index("ix_calls_profile", "profile_id"),
)

messages = Table(
    "messages",
    metadata,
    Column("id", Id, primary_key=True),
    Column("journey_id", Id, nullable=False),
    Column("campaign_key", Key64, nullable=False),
    Column("version_id", Key64, nullable=False),
    Column("profile_id", Id, nullable=False),
    Column("stage", Key64, nullable=False),
    Column("step", Key64, nullable=False),
    Column("template", Key64, nullable=False),
    Column("channels", String(64), nullable=False, comment="comma-separated, in order of preference"),
    Column("purpose", String(16), nullable=False),
    Column("priority", SmallInteger, nullable=False),
    Column("state", String(16), nullable=False),
    Column("reason", String(64)),
    Column("channel", String(16), comment="the channel that was chosen"),
    Column("due_at", Instant, nullable=False),
    Column("expires_at", Instant),
    Column("lease_until", Instant, comment="due: told to a worker; sending: handed to the provider"),
    Column("attempt", SmallInteger, nullable=False),
    Column("provider", String(32)),
    Column("provider_reference", String(200)),
    Column("planned_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Column("topic", Key64, nullable=False, server_default=""),
    Column("value", Float, nullable=False, server_default="0", comment="what it is worth; breaks ties of priority"),
    Column("digest", Key64, comment="the digest that it waits for"),
    Column("refused", String(64), comment="channels whose carrier refused the address for good, comma-separated"),
    UniqueConstraint("journey_id", "step", "channels"),
    # Served by literal states, so that what a person was ever sent is not read to find what is still to come.
    Index("ix_messages_open", "profile_id", "due_at", postgresql_where=_OPEN_MESSAGE, sqlite_where=_OPEN_MESSAGE),
    Index("ix_messages_due", "state", "purpose", "due_at", postgresql_where=_WAITING_MESSAGE),
    Index("ix_messages_lease", "state", "lease_until", postgresql_where=_LEASED_MESSAGE),
    Index("ix_messages_profile", "profile_id"),
    Index(
        "ix_messages_provider_reference",
        "provider_reference",
        postgresql_where=text("provider_reference IS NOT NULL"),
        sqlite_where=text("provider_reference IS NOT NULL"),
    ),
)

slots = Table(
    "slots",
    metadata,
    Column("message_id", Id, primary_key=True),
    Column("profile_id", Id, nullable=False),
    Column("campaign_key", Key64, nullable=False),
    Column("stage", Key64, nullable=False),
    Column("channel", String(16), nullable=False),
    Column("purpose", String(16), nullable=False),
    Column("tags", Json, nullable=False, comment="a snapshot at hand-over"),
    Column("priority", SmallInteger, nullable=False),
    Column("reserved_at", Instant, nullable=False),
    Column("topic", Key64, nullable=False, server_default=""),
    Index("ix_slots_profile", "profile_id", "reserved_at"),
)

schedule_runs = Table(
    "schedule_runs",
    metadata,
    Column("id", Id, primary_key=True),
    Column("campaign_key", Key64, nullable=False),
    Column("version_id", Key64, nullable=False),
    Column("fire_at", Instant, nullable=False),
    Column("kind", String(16), nullable=False, server_default="schedule", comment="schedule, or a look at an audience"),
    Column("cursor", Id, comment="the last profile taken in; null before the first"),
    Column("finished_at", Instant),
    Column("queued_until", Instant),
    UniqueConstraint("campaign_key", "fire_at"),
)

# What carriers report. Deletable.

feedback = Table(
    "feedback",
    metadata,
    Column("id", Id, primary_key=True, comment="derived from the carrier's id of the report: repeated, it is known"),
    Column("provider", String(32), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("channel", String(16), nullable=False),
    Column("finding", String(16), nullable=False, comment="what it says about the address"),
    Column("detail", String(64), nullable=False, comment="a code"),
    Column("message_id", Id, comment="as reported, then as found"),
    Column("reference", String(200), comment="the carrier's id of the message"),
    Column("at", Instant, nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("machine", Boolean, nullable=False, comment="a proxy or a scanner did it"),
    Column("url", String(500), comment="the link that was followed, without query and tokens"),
    Column("address_hash", Key64, comment="keyed"),
    Column("queued_until", Instant, comment="told to a worker, or put off until then"),
    Column("processed_at", Instant),
    Column("became", String(16), comment="what came of it"),
    Index("ix_feedback_waiting", "processed_at", "queued_until"),
    Index("ix_feedback_message", "message_id"),
    Index(
        "ix_feedback_address",
        "address_hash",
        postgresql_where=text("address_hash IS NOT NULL"),
        sqlite_where=text("address_hash IS NOT NULL"),
    ),
)

# The log. Insert-only: triggers refuse UPDATE and DELETE.

log = Table(
    "log",
    metadata,
    Column("seq", Sequence64, primary_key=True, autoincrement=True),
    Column("id", Id, nullable=False, unique=True),
    Column("at", Instant, nullable=False, index=True),
    Column("decision", String(32), nullable=False),
    Column("reason", String(64), nullable=False),
    Column("profile_id", Id),
    Column("campaign_key", Key64),
    Column("version_id", Key64),
    Column("journey_id", Id),
    Column("message_id", Id, index=True),
    Column("stage", Key64),
    Column("step", Key64),
    Column("channel", String(16)),
    Column("evidence", Json, nullable=False, comment="never personal data"),
    Column("content_hash", Key64, comment="keyed with the person's key"),
    Column("sealed", LargeBinary, comment="address and rendering context, under the person's key"),
    Index("ix_log_profile", "profile_id", "seq"),
    Index("ix_log_campaign", "campaign_key", "seq"),
    Index("ix_log_reason", "reason", "seq"),
)

log_removals = Table(
    "log_removals",
    metadata,
    Column("first_seq", Sequence64, primary_key=True, autoincrement=False),
    Column("last_seq", Sequence64, nullable=False, unique=True),
    Column("entries", Sequence64, nullable=False),
    Column("before", Instant, nullable=False, comment="the first instant of the month after; entries are older"),
    Column("hash", Key64, nullable=False, comment="chained over the removed entries, from the removal before on"),
    Column("rule", String(200), nullable=False, comment="the setting that asked for it"),
    Column("removed_at", Instant, nullable=False),
    Column("removed_by", String(200), nullable=False),
)
"""Which entries of the log retention removed, and proof of what they were. Triggers let entries go only under one."""

INSERT_ONLY = (consents, consent_forms, log, log_removals)

# Housekeeping.

instance = Table(
    "instance",
    metadata,
    Column("name", Key64, primary_key=True),
    Column("value", Text, nullable=False),
)

carriers = Table(
    "carriers",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("away_until", Instant, nullable=False, comment="until then nobody gives it messages"),
    Column("why", String(16), nullable=False, comment="busy, as it said; failing, as we found"),
    Column("failures", SmallInteger, nullable=False, comment="hand-overs in a row that came to nothing"),
    Column("updated_at", Instant, nullable=False),
    Column("tried_until", Instant, comment="until then a worker is believed to try it; nobody else does"),
)

paces = Table(
    "paces",
    metadata,
    Column("line", String(160), primary_key=True, comment="a carrier, or carrier:sender"),
    Column("free_at", Instant, nullable=False, comment="when the next turn lies"),
    Column("promised_until", Instant, nullable=False, comment="the last instant that somebody was told"),
    Column("again_until", Instant, nullable=False, comment="the same, of those who had to be told again"),
    Column("first_until", Instant, nullable=False, comment="the same, of what somebody waits for"),
    Column("updated_at", Instant, nullable=False),
)

warm_ups = Table(
    "warm_ups",
    metadata,
    Column("channel", String(16), primary_key=True),
    Column("sender", String(320), primary_key=True, comment="empty: all senders of the channel"),
    Column("day", Date, primary_key=True, comment="in the workspace's zone"),
    Column("taken", Integer, nullable=False, comment="messages whose hand-over began, but for refusals"),
)

leases = Table(
    "leases",
    metadata,
    Column("name", Key64, primary_key=True),
    Column("holder", String(200), nullable=False),
    Column("expires_at", Instant, nullable=False),
)
