"""What docs/webhooks.md shows is what receivers get, and its check of the signature works."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from ruamel.yaml import YAML

from dangol.delivery.signatures import Signer, new_secret
from dangol.model.steps import Webhook
from dangol.model.vocabulary import CallState, Reason
from tests.docs.pages import blocks, read, table
from tests.integration.pipeline.house import House
from tests.integration.pipeline.test_calls import Crm
from tests.workspaces import campaign

TEXT = read("docs/webhooks.md")
OLD, NEW = new_secret(b"o" * 32), new_secret(b"n" * 32)
SQLITE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


def block(language: str) -> str:
    (found,) = (text for given, text in blocks(TEXT) if given == language)
    return found


@pytest.fixture
def genuine() -> Callable[[dict[str, str], bytes, str], bool]:
    names: dict[str, Any] = {}
    exec(compile(block("python"), "docs/webhooks.md", "exec"), names)
    return names["genuine"]  # type: ignore[no-any-return]


def shape(value: object) -> object:
    return {name: shape(inner) for name, inner in value.items()} if isinstance(value, dict) else type(value)


@SQLITE
def test_the_step_makes_the_call_that_is_shown(house: House) -> None:
    (step,) = YAML(typ="safe").load(block("yaml"))
    step["payload"]["cart_id"] = {"from": "entry.order_id"}
    crm = house.pipeline.caller = Crm()
    house.opens_with(campaign("cart_recovery", step)).knows("kim").orders("kim", order_id="C-7")
    house.work()
    (call,) = crm.taken
    shown, made = json.loads(block("json")), json.loads(call.body)
    assert shape(shown) == shape(made)
    assert shown["data"]["payload"] == made["data"]["payload"]
    assert shown["data"]["step"] == made["data"]["step"]


def test_the_check_of_the_signature_works(genuine: Callable[..., bool]) -> None:
    body = block("json").encode()
    headers = Signer(f"{NEW} {OLD}").headers("01CALL", datetime.now(UTC), body)
    assert genuine(headers, body, OLD)
    assert genuine(headers, body, NEW)
    assert not genuine(headers, body, new_secret(b"x" * 32))
    assert not genuine(headers, body + b" ", OLD)
    assert not genuine({**headers, "webhook-id": "01OTHER"}, body, OLD)
    assert not genuine({**headers, "webhook-timestamp": str(int(time.time()) + 1)}, body, OLD)
    stale = Signer(OLD).headers("01CALL", datetime.fromtimestamp(time.time() - 301, UTC), body)
    assert not genuine(stale, body, OLD)


def test_the_headers_shown_are_those_sent() -> None:
    shown = {line.partition(":")[0] for line in block("http").splitlines() if line.startswith("webhook-")}
    assert shown == set(Signer(OLD).headers("01CALL", datetime.now(UTC), b""))


def test_states_and_reasons_of_the_table_exist() -> None:
    lines = [line for line in TEXT.splitlines() if line.count("|") == 5 and not line.startswith("|---")]
    cells = [[cell.strip(" `") for cell in line.strip("|").split("|")] for line in lines[1:]]
    states, reasons = {state for _, state, _, _ in cells}, {reason for _, _, reason, _ in cells}
    assert states == set(CallState) - {CallState.DUE, CallState.SENDING}
    assert reasons - {"that reason"} <= {reason.value for reason in Reason}


def test_the_fields_of_the_step_are_those_it_has() -> None:
    told = {cells[0].strip("` ") for cells in table(TEXT, "Webhooks: telling other systems")}
    assert told == set(Webhook.model_fields)
