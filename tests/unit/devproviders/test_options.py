"""Options of the simulator: what people write, and what they are told if it makes no sense."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from dangol.devproviders import Behaviour, Options


@pytest.mark.parametrize(
    ("written", "meant"), [("50ms", 0.05), ("2s", 2.0), ("1m", 60.0), ("1.5 s", 1.5), ("3", 3.0), (0.25, 0.25)]
)
def test_a_length_of_time_is_read(written: object, meant: float) -> None:
    assert Behaviour.model_validate({"latency": written}).latency == pytest.approx(meant)


@pytest.mark.parametrize(("written", "meant"), [("5%", 0.05), ("0.05", 0.05), (0.05, 0.05), ("100%", 1.0)])
def test_a_share_is_read(written: object, meant: float) -> None:
    assert Behaviour.model_validate({"error_rate": written}).error_rate == pytest.approx(meant)


@pytest.mark.parametrize(("written", "meant"), [("100/s", 100.0), ("0.5", 0.5), (7, 7.0)])
def test_a_rate_is_read(written: object, meant: float) -> None:
    assert Behaviour.model_validate({"rate_limit": written}).rate_limit == meant


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"latency": "fast"}, "found 'fast', expected a length of time"),
        ({"error_rate": "some"}, "found 'some', expected a share"),
        ({"error_rate": "101%"}, "less than or equal to 1"),
        ({"rate_limit": "quick"}, "found 'quick', expected a rate"),
        ({"rate_limit": 0}, "greater than 0"),
        ({"error_status": 418}, "429, 500, 502 or 503"),
        ({"opn_rate": 0.1}, "opn_rate"),
        ({"hang_rate": "60%", "error_rate": "50%"}, "add up to 110%"),
        ({"bounce_rate": "60%", "open_rate": "50%"}, "add up to 110%"),
    ],
)
def test_what_makes_no_sense_is_told(given: dict[str, object], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        Behaviour.model_validate(given)


def test_shares_of_different_groups_do_not_share_a_whole() -> None:
    assert Behaviour.model_validate({"error_rate": 0.6, "bounce_rate": 0.6}).bounce_rate == 0.6


@pytest.mark.parametrize("url", ["127.0.0.1:8000", "http://127.0.0.1:8000/hooks", "ftp://127.0.0.1"])
def test_webhooks_go_to_an_origin(url: str) -> None:
    with pytest.raises(ValidationError, match="webhooks_to"):
        Options(webhooks_to=url)


def test_options_travel_as_json() -> None:
    options = Options.model_validate({"behaviour": {"latency": "50ms"}, "special": {"twilio": {"outage": True}}})
    assert Options.model_validate_json(options.model_dump_json()) == options
