"""The words that every room uses, as enums; docs/glossary.md explains them, docs/reasons.md lists the reasons."""

from __future__ import annotations

from enum import StrEnum


class Channel(StrEnum):
    EMAIL = "email"
    SMS = "sms"
    PUSH = "push"


class Purpose(StrEnum):
    MARKETING = "marketing"
    SERVICE = "service"
    TRANSACTIONAL = "transactional"


class OnCapped(StrEnum):
    """What happens to a message that would exceed a frequency cap."""

    DROP = "drop"
    DEFER = "defer"
    REROUTE = "reroute"


class OnFailed(StrEnum):
    """What happens to a message whose address its carrier refuses for good."""

    FAIL = "fail"
    NEXT_CHANNEL = "next_channel"


class MessageState(StrEnum):
    """Where a message is in its life. Every one ends in exactly one terminal state (G1)."""

    PLANNED = "planned"
    HELD = "held"
    DUE = "due"
    SENDING = "sending"
    ACCEPTED = "accepted"
    DELIVERED = "delivered"
    BOUNCED = "bounced"
    SUPPRESSED = "suppressed"
    EXPIRED = "expired"
    FAILED = "failed"
    UNKNOWN = "unknown"
    CANCELLED = "cancelled"


OPEN_STATES = frozenset({MessageState.PLANNED, MessageState.DUE})


class CallState(StrEnum):
    """Where a call to another system is in its life."""

    PLANNED = "planned"
    DUE = "due"
    SENDING = "sending"
    ACCEPTED = "accepted"
    EXPIRED = "expired"
    FAILED = "failed"
    UNKNOWN = "unknown"
    CANCELLED = "cancelled"


class JourneyStatus(StrEnum):
    """``held``: it came due while its campaign was paused. ``paused``: somebody paused this one."""

    WAITING = "waiting"
    HELD = "held"
    PAUSED = "paused"
    ENDED = "ended"


class Control(StrEnum):
    """What somebody did to a campaign in service; the latest holds."""

    PAUSE = "pause"
    RESUME = "resume"
    STOP = "stop"


class ConsentAction(StrEnum):
    """What a row of the consent ledger says. ``requested`` and ``confirmed`` are the halves of a double opt-in.

    ``restored`` takes back a withdrawal of the whole purpose that a STOP made; nobody can report it.
    """

    GRANTED = "granted"
    WITHDRAWN = "withdrawn"
    RECONFIRMED = "reconfirmed"
    EXPIRED = "expired"
    IMPORTED = "imported"
    REQUESTED = "requested"
    CONFIRMED = "confirmed"
    RESTORED = "restored"


class ConsentStatus(StrEnum):
    """What follows from the ledger for one channel, purpose and topic."""

    GRANTED = "granted"
    PENDING = "pending"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"


class Basis(StrEnum):
    """Why a consent counts as one. ``consent`` is express; the others are what some laws accept in its stead."""

    CONSENT = "consent"
    WRITTEN_CONSENT = "written_consent"
    SOFT_OPT_IN = "soft_opt_in"
    IMPLIED_PURCHASE = "implied_purchase"
    IMPLIED_INQUIRY = "implied_inquiry"
    CONTRACT = "contract"
    IMPORTED = "imported"


NIGHT = "night"
"""The topic under which a separate consent to be written to at night is recorded; no other topic can have the name."""


class Scope(StrEnum):
    """Which purposes a suppression keeps away: marketing, everything but transactional, or everything."""

    MARKETING = "marketing"
    PROMPTED = "prompted"
    ALL = "all"

    def covers(self, purpose: Purpose) -> bool:
        """Whether a message of this purpose is kept away."""
        if self is Scope.MARKETING:
            return purpose is Purpose.MARKETING
        return self is Scope.ALL or purpose is not Purpose.TRANSACTIONAL


class SuppressionCause(StrEnum):
    """Why an address is left alone; docs/consent.md says what lifts each."""

    HARD_BOUNCE = "hard_bounce"
    SOFT_BOUNCE = "soft_bounce"
    COMPLAINT = "complaint"
    STOP = "stop"
    MANUAL = "manual"
    ERASED = "erased"
    ROLE = "role"
    INVALID = "invalid"


class RefusalCause(StrEnum):
    """What a carrier's refusal says beyond this one message; docs/providers.md says what follows from each."""

    OPTED_OUT = "opted_out"
    DEAD_ADDRESS = "dead_address"
    DEAD_TOKEN = "dead_token"  # noqa: S105 (no secret)
    CONTENT = "content"
    ACCOUNT = "account"
    ELSEWHERE = "elsewhere"

    @property
    def about_the_address(self) -> bool:
        """Does it say that this address, and not the message or the account, is why?"""
        return self in {RefusalCause.DEAD_ADDRESS, RefusalCause.DEAD_TOKEN, RefusalCause.ELSEWHERE}


class Decision(StrEnum):
    """What a log entry records."""

    JOURNEY_ENTERED = "journey_entered"
    JOURNEY_REFUSED = "journey_refused"
    JOURNEY_ENDED = "journey_ended"
    JOURNEY_PAUSED = "journey_paused"
    JOURNEY_RESUMED = "journey_resumed"
    JOURNEY_MIGRATED = "journey_migrated"
    CAMPAIGN_PAUSED = "campaign_paused"
    CAMPAIGN_RESUMED = "campaign_resumed"
    CAMPAIGN_STOPPED = "campaign_stopped"
    ARM_ASSIGNED = "arm_assigned"
    PROFILE_CHANGED = "profile_changed"
    EVENT_EMITTED = "event_emitted"
    EVENT_REFUSED = "event_refused"
    SCHEDULE_FIRED = "schedule_fired"
    SCHEDULE_MISSED = "schedule_missed"
    SCHEDULE_STOPPED = "schedule_stopped"
    MESSAGE_PLANNED = "message_planned"
    MESSAGE_DEFERRED = "message_deferred"
    MESSAGE_REROUTED = "message_rerouted"
    MESSAGE_SENDING = "message_sending"
    MESSAGE_ACCEPTED = "message_accepted"
    MESSAGE_RETRIED = "message_retried"
    MESSAGE_FAILED = "message_failed"
    MESSAGE_UNKNOWN = "message_unknown"
    MESSAGE_SUPPRESSED = "message_suppressed"
    MESSAGE_EXPIRED = "message_expired"
    MESSAGE_CANCELLED = "message_cancelled"
    MESSAGE_HELD = "message_held"
    MESSAGE_RELEASED = "message_released"
    MESSAGE_DELIVERED = "message_delivered"
    MESSAGE_BOUNCED = "message_bounced"
    MESSAGE_OPENED = "message_opened"
    MESSAGE_CLICKED = "message_clicked"
    MESSAGE_COMPLAINED = "message_complained"
    MESSAGE_UNSUBSCRIBED = "message_unsubscribed"
    CALL_PLANNED = "call_planned"
    CALL_SENDING = "call_sending"
    CALL_ACCEPTED = "call_accepted"
    CALL_RETRIED = "call_retried"
    CALL_FAILED = "call_failed"
    CALL_UNKNOWN = "call_unknown"
    CALL_EXPIRED = "call_expired"
    CALL_CANCELLED = "call_cancelled"
    SUPPRESSION_ADDED = "suppression_added"
    SUPPRESSION_LIFTED = "suppression_lifted"
    PREFERENCES_CHANGED = "preferences_changed"
    REPLY_UNDERSTOOD = "reply_understood"
    DATA_REQUESTED = "data_requested"
    DATA_EXPORTED = "data_exported"
    DATA_ERASED = "data_erased"
    DUTY_RAISED = "duty_raised"
    RULE_LOOSENED = "rule_loosened"
    RECORDS_REMOVED = "records_removed"


class Reason(StrEnum):
    """Why a decision went the way it did. The value is stored; ``meaning`` is for people."""

    meaning: str

    def __new__(cls, value: str, meaning: str = "") -> Reason:
        member = str.__new__(cls, value)
        member._value_ = value
        member.meaning = meaning
        return member

    # journeys
    EVENT_MATCHED = "event_matched", "An event met the campaign's entry rule."
    AUDIENCE_MATCHED = "audience_matched", "The person was in the audience when the schedule fired."
    AUDIENCE_JOINED = "audience_joined", "The person came to be in the campaign's audience."
    API_REQUESTED = "api_requested", "A back end asked for this journey."
    ALREADY_IN_JOURNEY = (
        "already_in_journey",
        "The person is still inside an earlier journey of this campaign.",
    )
    TOO_MANY_JOURNEYS = (
        "too_many_journeys",
        "The person is on too many journeys of this campaign at once.",
    )
    ENTERED_BEFORE = "entered_before", "The campaign takes each person once (`again: never`)."
    ENTERED_TOO_RECENTLY = "entered_too_recently", "The last entry is more recent than `again.after` allows."
    COMPLETED = "completed", "The journey ran its last step."
    EXIT_STEP = "exit_step", "The journey reached an `exit` step."
    EXIT_EVENT = "exit_event", "An event that the campaign lists under `exit` happened."
    GOAL_REACHED = "goal_reached", "The campaign's goal was reached within its time."
    MOMENT_PAST = "moment_past", "The moment that a `wait` was for had gone by already."
    MOMENT_UNKNOWN = (
        "moment_unknown",
        "A `wait` was for a moment that cannot be told: the person or the event lacks the date.",
    )
    NOT_STARTED = "not_started", "The campaign's first day has not come."
    BEFORE_SERVICE = (
        "before_service",
        "It happened, or was time for this person, before the campaign went into service.",
    )
    CAMPAIGN_OVER = "campaign_over", "The campaign's last day is over."
    CAMPAIGN_PAUSED = "campaign_paused", "Somebody paused the campaign."
    CAMPAIGN_STOPPED = "campaign_stopped", "Somebody stopped the campaign."
    JOURNEY_PAUSED = "journey_paused", "Somebody paused this person's journey."
    JOURNEY_STOPPED = "journey_stopped", "Somebody stopped this person's journey."
    BY_HAND = "by_hand", "Somebody did this; the evidence says who."
    VERSION_CHANGED = "version_changed", "A deployment moved the journey to another version, at the same step."
    KEY_MISSING = "key_missing", "The event lacks the property that tells one journey from another (`entry.key`)."
    TOO_MANY_HOPS = (
        "too_many_hops",
        "Campaigns set one another off too many times in a row; the chain was cut here.",
    )
    DUE_BY_SCHEDULE = "due_by_schedule", "The campaign's schedule came due."
    MISSED_WHILE_DOWN = (
        "missed_while_down",
        "A later firing came due too while dangol was not running; only the latest is run.",
    )
    OUT_OF_SERVICE = "out_of_service", "The campaign was taken out of service before its whole audience was in."
    # messages that wait or go
    STEP_REACHED = "step_reached", "The journey reached a `send` step."
    ALLOWED = "allowed", "Every rule allowed the message; it was handed to the provider."
    ACCEPTED_BY_PROVIDER = "accepted_by_provider", "The provider took responsibility for the message."
    PROVIDER_BUSY = "provider_busy", "The provider refused for the moment; the message is tried again."
    QUIET_HOURS = "quiet_hours", "It is quiet hours for this person; the message waits until they end."
    CAPPED = "capped", "A frequency cap is used up."
    CASE_OPEN = (
        "case_open",
        "A complaint of this person is open; the message waits, or is dropped, as the hold says.",
    )
    PAUSED_BY_RECIPIENT = (
        "paused_by_recipient",
        "The person asked for a pause.",
    )
    YIELDED = (
        "yielded",
        "Another message to this person needs the slot more; the evidence names it.",
    )
    EARLIER_WAITS = (
        "earlier_waits",
        "An earlier message of the same journey waits; this one stays behind it.",
    )
    GATHERED = (
        "gathered",
        "The message waits for the person's next digest.",
    )
    WARMING_UP = (
        "warming_up",
        "Its sender is new, and the number of messages for the day is used up; the message waits for another day.",
    )
    # messages that are not sent
    PROFILE_ERASED = "profile_erased", "The person was erased."
    ADDRESS_MISSING = "address_missing", "The profile has no address for this channel."
    ADDRESS_SUPPRESSED = (
        "address_suppressed",
        "The address is suppressed (bounce, complaint, opt-out, manual).",
    )
    CONSENT_MISSING = "consent_missing", "There is no consent on record for this channel and purpose."
    CONSENT_WITHDRAWN = "consent_withdrawn", "Consent for this channel and purpose was withdrawn."
    CONSENT_PENDING = (
        "consent_pending",
        "The person has not yet confirmed the consent that was asked for (double opt-in).",
    )
    CONSENT_EXPIRED = (
        "consent_expired",
        "The consent, or what stood in its stead, has run out.",
    )
    CONSENT_INSUFFICIENT = (
        "consent_insufficient",
        "A rule of the person's jurisdiction asks for another kind of consent or for its confirmation; "
        "the evidence names it.",
    )
    CONSENT_UNPROVEN = (
        "consent_unproven",
        "The consent was imported without evidence, and `imported_consents` says not to rely on it.",
    )
    MERGED = (
        "merged",
        "The message went out as part of a digest; the evidence names the message that carried it.",
    )
    EXPIRED = "expired", "`expires_after` had passed before the message could be sent."
    HELD_OUT = "held_out", "The person is in the campaign's hold-out group."
    TIMEZONE_UNKNOWN = (
        "timezone_unknown",
        "No time zone can be told for this person, so quiet hours cannot be kept.",
    )
    QUIET_HOURS_OUTLAST_EXPIRY = (
        "quiet_hours_outlast_expiry",
        "Quiet hours end only after the message expires.",
    )
    CAP_OUTLASTS_EXPIRY = "cap_outlasts_expiry", "The cap frees up only after the message expires."
    WARM_UP_OUTLASTS_EXPIRY = (
        "warm_up_outlasts_expiry",
        "Its sender is new, and the day that has room for the message comes only after it expires.",
    )
    TEMPLATE_MISSING = "template_missing", "The message has no text for this channel."
    RENDER_FAILED = "render_failed", "The text could not be rendered with this person's data."
    CONTENT_TOO_LONG = "content_too_long", "The rendered text exceeds the channel's limit."
    GATE_FAILED = "gate_failed", "A rule could not be evaluated; in doubt, nothing is sent."
    PROVIDER_MISSING = "provider_missing", "No provider is set up for this channel."
    PACED = "paced", "The carrier is given messages at a rate, and others come first."
    PACE_OUTLASTS_EXPIRY = "pace_outlasts_expiry", "Its turn at the carrier comes only after the message expires."
    CARRIER_AWAY = "carrier_away", "Whoever carries this channel is left alone for now."
    PROVIDER_REFUSED = "provider_refused", "The provider refused the message for good."
    RETRIES_EXHAUSTED = "retries_exhausted", "The provider kept refusing; the attempts are used up."
    # people
    ASKED_BY_RECIPIENT = (
        "asked_by_recipient",
        "The person asked for it.",
    )
    CONSENT_GIVEN = (
        "consent_given",
        "The person gave a new express consent.",
    )
    REPORTED = (
        "reported",
        "A carrier, a provider or another system reported it.",
    )
    LAW_REQUIRES = (
        "law_requires",
        "A rule of the person's jurisdiction asks for it; the evidence names the rule.",
    )
    KEPT_LONG_ENOUGH = (
        "kept_long_enough",
        "It was kept for as long as this installation's settings say; the evidence names the setting.",
    )
    # calls to other systems
    CALL_ANSWERED = "call_answered", "The other system answered that it has the call."
    CALL_DEFERRED = "call_deferred", "The other system could not take the call for the moment; it is made again."
    CALL_REFUSED = "call_refused", "The other system refused the call for good."
    ADDRESS_FORBIDDEN = (
        "address_forbidden",
        "The call would have gone to an address that is not to be called from here, such as a private one.",
    )
    OUTCOME_UNKNOWN = (
        "outcome_unknown",
        "The provider may or may not have taken the message; it is never sent again blindly.",
    )
    LEASE_LOST = (
        "lease_lost",
        "The worker stopped in the middle of the hand-over; it is never sent again blindly.",
    )
