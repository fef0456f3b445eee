"""Providers are found by name, and everything that is wrong with the settings is told at once."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from dangol.clock import VirtualClock
from dangol.delivery.http.transport import Transport
from dangol.delivery.provider import Provider
from dangol.delivery.providers.registry import GROUP, Registry
from dangol.delivery.providers.sendgrid import SendGrid
from dangol.delivery.providers.setup import Setup, carrier_url
from dangol.delivery.providers.twilio import Twilio
from dangol.errors import UsageError
from dangol.model.vocabulary import Channel
from dangol.settings import Settings, provider_options
from dangol.testing import FakeProvider

GIVEN = {
    "sendgrid_api_key": SecretStr("SG.x"),
    "twilio_account_sid": "AC1",
    "twilio_auth_token": SecretStr("t"),
    "twilio_from": "+15005550006",
}
MAILBOX = FakeProvider(name="mailbox")
made: list[Setup] = []


def pigeon(setup: Setup) -> FakeProvider:
    """What a package would bring."""
    if "loft" not in setup.options:
        raise UsageError(f"provider {setup.name}: set DANGOL_PROVIDER_PIGEON_LOFT")
    made.append(setup)
    return FakeProvider(name="pigeon", channels=[Channel.SMS, Channel.PUSH])


def plugin(name: str = "pigeon", target: str = "pigeon") -> EntryPoint:
    return EntryPoint(name, f"{__name__}:{target}", GROUP)


@pytest.fixture(autouse=True)
def _fresh() -> None:
    made.clear()


def choose(
    clock: VirtualClock, *plugins: EntryPoint, options: Mapping[str, str] | None = None, **settings: Any
) -> dict[Channel, list[Provider]]:
    told = Settings(_env_file=None, **{"sms_provider": "none", "push_provider": "none", **settings})
    registry = Registry(
        told,
        clock=clock,
        transport=Transport(clock=clock),
        options=lambda name: options or {},
        made={"mailbox": MAILBOX},
        plugins=plugins,
    )
    return registry.chosen()


def names(found: dict[Channel, list[Provider]]) -> dict[str, list[str]]:
    return {channel.value: [one.name for one in of_it] for channel, of_it in found.items()}


def test_the_mailbox_serves_every_channel_unless_told_otherwise(clock: VirtualClock) -> None:
    found = choose(clock, sms_provider="mailbox", push_provider="mailbox")
    assert found == {channel: [MAILBOX] for channel in Channel}


def test_none_leaves_a_channel_without_a_provider(clock: VirtualClock) -> None:
    assert names(choose(clock)) == {"email": ["mailbox"]}


def test_the_first_name_is_the_main_provider_and_the_others_stand_by(clock: VirtualClock) -> None:
    found = choose(clock, email_provider=" sendgrid, smtp ,mailbox", sms_provider="twilio", **GIVEN)
    assert names(found) == {"email": ["sendgrid", "smtp", "mailbox"], "sms": ["twilio"]}
    assert isinstance(found[Channel.EMAIL][0], SendGrid)
    assert isinstance(found[Channel.SMS][0], Twilio)


def test_a_package_brings_a_provider_which_is_made_once_with_its_own_options(clock: VirtualClock) -> None:
    found = choose(
        clock,
        plugin(),
        options={"loft": "7"},
        sms_provider="pigeon",
        push_provider="pigeon",
        public_url="https://dangol.example",
    )
    assert found[Channel.SMS][0] is found[Channel.PUSH][0]
    (setup,) = made
    assert (setup.name, setup.options, setup.public_url) == ("pigeon", {"loft": "7"}, "https://dangol.example")


def test_everything_that_is_wrong_is_told_at_once(clock: VirtualClock) -> None:
    with pytest.raises(UsageError) as told:
        choose(
            clock,
            plugin(),
            email_provider="sendgird,sendgrid,smtp",
            sms_provider="twilio,smtp",
            push_provider="pigeon",
            twilio_api_key="SK1",
        )
    lines = str(told.value).splitlines()
    assert lines == [
        "DANGOL_EMAIL_PROVIDER: provider 'sendgird' is not known; did you mean 'sendgrid'? "
        "expected fcm, mailbox, pigeon, sendgrid, smtp, twilio, webpush, none",
        "provider sendgrid: set DANGOL_SENDGRID_API_KEY; docs/providers.md says where they come from",
        "provider twilio: set DANGOL_TWILIO_ACCOUNT_SID, DANGOL_TWILIO_AUTH_TOKEN (or DANGOL_TWILIO_API_KEY with"
        " DANGOL_TWILIO_API_SECRET) and DANGOL_TWILIO_MESSAGING_SERVICE (or DANGOL_TWILIO_FROM);"
        " docs/providers.md says where they come from",
        "DANGOL_SMS_PROVIDER: smtp cannot carry sms; it carries email",
        "provider pigeon: set DANGOL_PROVIDER_PIGEON_LOFT",
    ]


@pytest.mark.parametrize("told", ["", "mailbox,", "mailbox,mailbox", "none,mailbox"])
def test_lists_that_cannot_be_meant_are_told(clock: VirtualClock, told: str) -> None:
    with pytest.raises(UsageError, match="DANGOL_EMAIL_PROVIDER: expected none, or names of providers"):
        choose(clock, email_provider=told)


def test_a_package_that_cannot_be_loaded_is_told_by_name(clock: VirtualClock) -> None:
    with pytest.raises(UsageError, match=r"provider pigeon: .*:gone cannot be loaded: AttributeError"):
        choose(clock, plugin(target="gone"), sms_provider="pigeon")


def test_a_name_belongs_to_one_provider(clock: VirtualClock) -> None:
    for plugins, name in (([plugin(), plugin(target="other")], "pigeon"), ([plugin(name="smtp")], "smtp")):
        with pytest.raises(UsageError, match=f"provider {name}: several packages bring one of this name"):
            choose(clock, *plugins, email_provider=name)


def test_a_package_that_nobody_asks_for_is_not_loaded(clock: VirtualClock) -> None:
    assert names(choose(clock, plugin(target="gone"))) == {"email": ["mailbox"]}


def test_korea_is_a_country_that_can_be_listed_and_atlantis_is_none(clock: VirtualClock) -> None:
    choose(clock, sms_provider="twilio", twilio_countries="kr, US", **GIVEN)
    with pytest.raises(UsageError, match=r"DANGOL_TWILIO_COUNTRIES: .* found ATLANTIS"):
        choose(clock, sms_provider="twilio", twilio_countries="US,Atlantis", **GIVEN)


@pytest.mark.parametrize(
    "url", ["https://api.eu.sendgrid.com", "http://127.0.0.1:8025/", "http://localhost:1/x", "http://[::1]:80"]
)
def test_a_carrier_is_reached_under_tls_or_on_this_machine(url: str) -> None:
    assert carrier_url("sendgrid_url", url) == url.rstrip("/")


@pytest.mark.parametrize(
    "url",
    ["http://api.sendgrid.com", "http://10.0.0.1", "ftp://x", "", "https://", "https://u:p@x/", "https://x/?a", "//x"],
)
def test_keys_travel_nowhere_else(url: str) -> None:
    with pytest.raises(UsageError, match="DANGOL_SENDGRID_URL: expected https://"):
        carrier_url("sendgrid_url", url)


def test_options_come_from_the_environment_and_the_file_and_the_environment_wins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text(
        "DANGOL_PROVIDER_ALIM_TALK_KEY=file\nDANGOL_PROVIDER_ALIM_TALK_SENDER=s\nDANGOL_PROVIDER_ALIM_X=1\n"
    )
    monkeypatch.setenv("DANGOL_PROVIDER_ALIM_TALK_KEY", "environment")
    assert provider_options("alim-talk") == {"key": "environment", "sender": "s"}
