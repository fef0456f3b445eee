"""dangol's own providers, made from the settings that ``dangol dev providers --env`` writes, against the simulator."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from typer.testing import CliRunner

from dangol.clock import SystemClock
from dangol.delivery.http.transport import Transport
from dangol.delivery.provider import Provider, Sought, finder, takes
from dangol.delivery.providers.registry import Registry
from dangol.devproviders.running import Sim
from dangol.model.message import Accepted, Envelope, Outcome, Refused, Rendered, Unknown
from dangol.model.vocabulary import Channel, RefusalCause
from dangol.settings import Settings
from tests.commands import app
from tests.integration.devproviders.test_command import DANGOL

TO = {Channel.EMAIL: "anna@example.com", Channel.SMS: "+14155550100", Channel.PUSH: "a-token"}


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Settings, Sim]]:
    env = tmp_path_factory.mktemp("sim") / "sim.env"
    command = [*DANGOL, "--port", "0", "--env", str(env)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        while str(env) not in process.stdout.readline():
            assert process.poll() is None, "it ended before it was ready"
        settings = Settings(_env_file=env, public_url="https://dangol.example")
        yield settings, Sim(settings.sendgrid_url, process.pid)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=20)


@pytest.fixture
def providers(simulated: tuple[Settings, Sim]) -> Iterator[dict[Channel, list[Provider]]]:
    settings, sim = simulated
    sim.reset()
    transport = Transport(clock=SystemClock())
    registry = Registry(settings, clock=SystemClock(), transport=transport, options=lambda _: {}, made={})
    chosen = registry.chosen()
    yield chosen
    for provider in {id(one): one for of_it in chosen.values() for one in of_it}.values():
        provider.close()
    transport.close()


def envelope(channel: Channel, to: str = "") -> Envelope:
    rendered = Rendered(channel, "ko", text="주문하신 원두가 도착했어요", subject="단골", html="<p>도착했어요</p>")
    sender = "단골 <hello@dangol.example>" if channel is Channel.EMAIL else "+15005550006"
    return Envelope(f"01K{channel.value:0>23}", channel, to or TO[channel], sender, rendered)


def send(providers: dict[Channel, list[Provider]], message: Envelope) -> Outcome:
    provider = next(one for one in providers[message.channel] if takes(one, message))
    return provider.send_many([message])[0]


@pytest.mark.parametrize("channel", list(Channel))
def test_the_settings_that_it_writes_are_all_that_is_needed(
    simulated: tuple[Settings, Sim], providers: dict[Channel, list[Provider]], channel: Channel
) -> None:
    message = envelope(channel)
    assert isinstance(send(providers, message), Accepted)
    (taken,) = simulated[1].record()
    assert (taken["message_id"], taken["to"]) == (message.message_id, message.to)


def test_a_browser_is_reached_through_its_subscription(
    simulated: tuple[Settings, Sim], providers: dict[Channel, list[Provider]]
) -> None:
    subscription = json.dumps(simulated[1].subscription("anna"))
    assert isinstance(send(providers, envelope(Channel.PUSH, subscription)), Accepted)
    (taken,) = simulated[1].record()
    assert (taken["provider"], taken["message_id"]) == ("webpush", envelope(Channel.PUSH).message_id)


@pytest.mark.parametrize(
    ("channel", "behaviour", "means"),
    [
        (Channel.EMAIL, "429", Refused),
        (Channel.SMS, "429", Refused),
        (Channel.PUSH, "429", Refused),
        (Channel.EMAIL, "500", Unknown),
        (Channel.SMS, "500", Unknown),
        (Channel.EMAIL, "reset-after-body", Unknown),
        (Channel.SMS, "reset-after-body", Unknown),
        (Channel.PUSH, "reset-after-body", Unknown),
    ],
)
def test_its_trouble_is_understood(
    simulated: tuple[Settings, Sim],
    providers: dict[Channel, list[Provider]],
    channel: Channel,
    behaviour: str,
    means: type[Outcome],
) -> None:
    simulated[1].behave(addresses={TO[channel]: behaviour})
    assert isinstance(send(providers, envelope(channel)), means)


def test_a_token_that_is_gone_is_told_as_dead(
    simulated: tuple[Settings, Sim], providers: dict[Channel, list[Provider]]
) -> None:
    simulated[1].behave(addresses={TO[Channel.PUSH]: "gone"})
    outcome = send(providers, envelope(Channel.PUSH))
    assert isinstance(outcome, Refused)
    assert outcome.cause is RefusalCause.DEAD_TOKEN


def test_a_key_for_web_push_is_made_by_a_command() -> None:
    told = CliRunner().invoke(app, ["dev", "vapid"]).stdout
    lines = dict(line.split("=", 1) for line in told.splitlines() if line.startswith("DANGOL_WEBPUSH_PRIVATE_KEY"))
    settings = Settings(
        _env_file=None,
        push_provider="webpush",
        email_provider="none",
        sms_provider="none",
        webpush_private_key=lines["DANGOL_WEBPUSH_PRIVATE_KEY"],
        webpush_subject="mailto:push@dangol.example",
    )
    transport = Transport(clock=SystemClock())
    chosen = Registry(settings, clock=SystemClock(), transport=transport, options=lambda _: {}, made={}).chosen()
    assert [one.name for one in chosen[Channel.PUSH]] == ["webpush"]
    assert len(told.splitlines()[-1]) == 87, "an uncompressed point on P-256, as applicationServerKey wants it"


def test_an_sms_whose_answer_got_lost_is_found_by_asking(
    simulated: tuple[Settings, Sim], providers: dict[Channel, list[Provider]]
) -> None:
    message = envelope(Channel.SMS)
    accepted = send(providers, message)
    assert isinstance(accepted, Accepted)
    [find] = [one for provider in providers[Channel.SMS] if (one := finder(provider)) is not None]
    now = datetime.now(UTC)
    sought = Sought(Channel.SMS, message.to, message.rendered.text, now - timedelta(hours=1), now + timedelta(hours=1))
    assert [report.reference for report in find(sought)] == [accepted.reference]
    assert list(find(replace(sought, text="another"))) == []
