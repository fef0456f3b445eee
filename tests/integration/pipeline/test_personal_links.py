"""Links to a recipient's own pages, from the planned message to the proof."""

from __future__ import annotations

from datetime import timedelta

from dangol.consent.links import Links
from dangol.ledger.reader import Filter, history
from dangol.model.vocabulary import Channel, Decision, Purpose, Reason
from dangol.proof import reproduce
from tests.integration.pipeline.house import House
from tests.workspaces import campaign, note

URL = "https://letters.dangol.example"
PREFERENCES = {"note/sms.en.txt.j2": "Choose: {{ links.preferences }}\n"}
BOTH = {"note/sms.en.txt.j2": "{{ links.unsubscribe }} {{ links.confirm }}\n"}


def reachable(house: House) -> Links:
    house.pipeline.links = Links([b"s"], URL)
    return house.pipeline.links


def test_the_proof_renders_the_very_link_that_was_sent(house: House) -> None:
    reachable(house)
    house.opens_with(campaign("letters", note("sms")), texts=PREFERENCES).knows("alice").orders("alice")
    house.work()
    [sent] = house.carrier.handed_over
    assert f"Choose: {URL}/p/" in sent.rendered.text
    assert "alice@" not in sent.rendered.text
    house.sleep(timedelta(days=900))
    with house.database.read() as tx:
        [entry] = history(tx, Filter(decision=Decision.MESSAGE_SENDING.value))
        again = reproduce(tx, house.dangol.releases, entry)
    assert again.matches
    assert again.rendered is not None
    assert again.rendered.text == sent.rendered.text


def test_without_a_public_url_the_message_is_refused_and_says_why(house: House) -> None:
    house.opens_with(campaign("letters", note("sms")), texts=PREFERENCES).knows("alice").orders("alice")
    house.work()
    assert house.carrier.handed_over == []
    [message] = house.messages
    assert message.reason == Reason.RENDER_FAILED
    with house.database.read() as tx:
        [entry] = history(tx, Filter(reason=Reason.RENDER_FAILED.value))
    assert "DANGOL_PUBLIC_URL" in entry.evidence["error"]


def test_a_request_is_confirmed_by_a_link_that_says_what_was_requested(house: House) -> None:
    links = reachable(house)
    asks = campaign("asks", note("sms"), event="Consent Requested", purpose="transactional")
    house.opens_with(asks, texts=BOTH).knows("alice", agreeing_to=[])
    house.happens("Consent Requested", "alice", channel="email", purpose="marketing", topic="jazz", consent_id="01HZZ")
    house.work()
    [sent] = house.carrier.handed_over
    leave, confirm = [word for word in sent.rendered.text.split() if word.startswith(URL)]
    left = links.read_leave(leave.removeprefix(f"{URL}/u/"), house.clock.now())
    assert (left.channel, left.purpose) == (Channel.SMS, Purpose.MARKETING)
    expected = links.confirm("01HZZ", Channel.EMAIL, "alice@example.com", house.clock.now())
    assert confirm == expected


def test_a_request_that_names_no_consent_gets_no_message(house: House) -> None:
    reachable(house)
    asks = campaign("asks", note("sms"), event="Consent Requested", purpose="transactional")
    house.opens_with(asks, texts=BOTH).knows("alice", agreeing_to=[])
    house.happens("Consent Requested", "alice", channel="email", purpose="marketing")
    house.work()
    [message] = house.messages
    assert message.reason == Reason.RENDER_FAILED


def test_the_label_of_the_recipients_jurisdiction_is_proven_with_the_text(house: House) -> None:
    house.opens_with(campaign("letters", note("sms")))
    house.knows("alice", country="KR").orders("alice")
    house.work()
    [sent] = house.carrier.handed_over
    assert (sent.rendered.locale, sent.rendered.text[:4]) == ("en", "(광고)")
    with house.database.read() as tx:
        entries = history(tx, Filter(decision=Decision.MESSAGE_SENDING.value))
        again = [reproduce(tx, house.dangol.releases, entry) for entry in entries]
    assert [one.matches for one in again] == [True]
