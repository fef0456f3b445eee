"""``dangol dev providers`` as a developer runs it, and the simulator that tests run."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from typer.testing import CliRunner

from bench import ceiling
from dangol.devproviders import Options, SimulatorFailed, running
from dangol.errors import DangolError, UsageError
from tests.commands import app
from tests.integration.devproviders.conftest import ask, letter

DANGOL = [sys.executable, "-c", "from dangol.surfaces.cli.main import run; run()", "dev", "providers"]


@contextmanager
def started(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [*DANGOL, *arguments], stdout=subprocess.PIPE, text=True, env={**os.environ, "COLUMNS": "100"}
    ) as it:
        try:
            yield it
        finally:
            it.kill()


def settings(text: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in text.splitlines() if line.startswith("DANGOL_"))


def test_it_tells_where_it_is_and_sums_up_at_the_end(tmp_path: Path) -> None:
    env, record = tmp_path / "sim.env", tmp_path / "record.jsonl"
    with started("--port", "0", "--env", str(env), "--record", str(record)) as process:
        assert process.stdout is not None
        lines = []
        while not lines or str(env) not in lines[-1]:
            lines.append(process.stdout.readline())
            assert process.poll() is None, "it ended before it was ready"
        known = settings(env.read_text())
        url, key = known["DANGOL_SENDGRID_URL"], known["DANGOL_SENDGRID_API_KEY"]
        assert url in lines[0]
        assert known["DANGOL_TWILIO_URL"] == url
        headers = {"Authorization": f"Bearer {key}"}
        for to in ("anna@example.com", "429@example.com"):
            ask(url, "POST", "/v3/mail/send", letter(to), headers)
        process.send_signal(signal.SIGINT)
        rest = process.stdout.read()
        assert process.wait(20) == 0
    told = [line.split() for line in rest.splitlines()]
    assert ["sendgrid", "accepted", "1"] in told
    assert ["sendgrid", "refused", "with", "429", "1"] in told
    assert [json.loads(line)["to"] for line in record.read_text().splitlines()] == ["anna@example.com"]
    account = Path(known["DANGOL_FCM_CREDENTIALS"])
    assert json.loads(account.read_text())["token_uri"] == f"{url}/token"
    assert {stat.S_IMODE(path.stat().st_mode) for path in (env, account)} == {0o600}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--latency", "fast"], "--latency: found 'fast'"),
        (["--error-rate", "7"], "--error-rate"),
        (["--webhooks-to", "localhost"], "--webhooks-to"),
        (["--set", "opn_rate=1%"], "--set: found 'opn_rate'; there are"),
        (["--set", "open_rate"], "expected NAME=VALUE"),
        (["--set", "mailgun.latency=1s"], "found provider 'mailgun'"),
        (["--hang-rate", "60%", "--error-rate", "60%"], "add up to 120%"),
        (["--webhook-key", "/nowhere.pem"], "/nowhere.pem: found no private key"),
    ],
)
def test_wrong_usage_is_told(arguments: list[str], told: str) -> None:
    error = CliRunner().invoke(app, ["dev", "providers", "--port", "0", *arguments]).exception
    assert isinstance(error, UsageError)
    assert told in str(error)


def test_settings_of_somebody_else_are_not_overwritten(tmp_path: Path) -> None:
    env = tmp_path / ".env"
    env.write_text("DANGOL_WORKSPACE=shop\n")
    error = CliRunner().invoke(app, ["dev", "providers", "--port", "0", "--env", str(env)]).exception
    assert isinstance(error, UsageError)
    assert env.read_text() == "DANGOL_WORKSPACE=shop\n"


def test_a_port_that_is_taken_is_told() -> None:
    with running() as sim:
        port = str(urlsplit(sim.url).port)
        error = CliRunner().invoke(app, ["dev", "providers", "--port", port]).exception
        assert isinstance(error, DangolError)
        assert (error.exit_code, "it is in use" in str(error)) == (3, True)
        with pytest.raises(SimulatorFailed, match="it is in use"), running(Options(port=int(port))):
            pass


def test_keys_follow_from_the_seed() -> None:
    with running() as first, running() as second, running(Options(seed="other")) as other:
        known = [sim.credentials()["sendgrid"] | {"url": ""} for sim in (first, second, other)]
    assert known[0] == known[1]
    assert not set(known[0].values()) & set(known[2].values()) - {""}


def test_the_key_of_the_service_account_outlives_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "account.json"
    with running() as sim:
        path.write_text(json.dumps(sim.credentials()["fcm"]["service_account"]))
    with running(Options(service_account=path)) as sim:
        kept = sim.credentials()["fcm"]["service_account"]["private_key"]
    assert kept == json.loads(path.read_text())["private_key"]


def test_the_record_outlives_a_killed_simulator(tmp_path: Path) -> None:
    record = tmp_path / "record.jsonl"
    with running(Options(record=record)) as sim:
        headers = {"Authorization": f"Bearer {sim.credentials()['sendgrid']['api_key']}"}
        assert ask(sim.url, "POST", "/v3/mail/send", letter("anna@example.com"), headers).status == 202
        os.kill(sim.pid, signal.SIGKILL)
    assert [json.loads(line)["message_id"] for line in record.read_text().splitlines()] == ["m-1"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_nobody_hears_of_an_acceptance_that_cannot_be_recorded() -> None:
    with running(Options(record=Path("/dev/full"))) as sim:
        headers = {"Authorization": f"Bearer {sim.credentials()['sendgrid']['api_key']}"}
        with pytest.raises(ConnectionError):
            ask(sim.url, "POST", "/v3/mail/send", letter("anna@example.com"), headers)


def test_unknown_commands_and_wrong_bodies_are_told() -> None:
    with running() as sim:
        assert "POST /_sim/behaviour" in ask(sim.url, "GET", "/_sim/nothing").json()["errors"][0]
        for body in ({"behaviour": {"latency": "fast"}}, {"provider": "mailgun"}, {"addresses": {"a@x.com": "b"}}, [1]):
            assert ask(sim.url, "POST", "/_sim/behaviour", body).status == 400
        assert ask(sim.url, "POST", "/_sim/inbound", {"from": "nobody"}).status == 400
        assert ask(sim.url, "GET", "/_sim/record?limit=0").status == 400
        with pytest.raises(SimulatorFailed, match="opn_rate"):
            sim.behave(opn_rate=0.1)


def test_long_records_are_read_in_parts() -> None:
    with running() as sim:
        headers = {"Authorization": f"Bearer {sim.credentials()['sendgrid']['api_key']}"}
        for part in range(11):
            people = [{"to": [{"email": f"{part}-{number}@example.com"}]} for number in range(1000)]
            ask(sim.url, "POST", "/v3/mail/send", letter("", personalizations=people), headers)
        assert [entry["n"] for entry in sim.record()] == list(range(1, 11_001))
        assert [entry["n"] for entry in sim.record(after=10_998)] == [10_999, 11_000]


def test_the_ceiling_counts_what_was_accepted() -> None:
    found = ceiling.measure(500, connections=8)
    assert found.requests == 500
    assert found.rate > 0
