"""Which messages can be shown, who sends them, and what is shown where files have mistakes."""

from __future__ import annotations

from pathlib import Path

import pytest

from dangol.editor.samples import DEFAULT, SAMPLES, sample_named
from dangol.errors import UsageError
from dangol.model.vocabulary import Channel, Purpose
from dangol.surfaces.showing.book import Book, book_of_files
from dangol.surfaces.showing.pieces import index_document
from dangol.surfaces.showing.sheets import chosen, rows_of, sheet_for
from dangol.surfaces.showing.viewing import Preview, Viewer, to_person, to_sample
from tests.workspaces import ROOT, campaign, note, write_workspace

RECEIPT = {"send": "receipt", "ref": "receipt", "channels": ["email"]}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    texts = {"note/sms.ko.txt.j2": "잘 지내시나요?\n", "receipt/sms.en.txt.j2": "Paid {{ event.value }}.\n"}
    campaigns = (
        campaign("b_notes", note("email", "push")),
        campaign("a_notes", note("sms"), purpose="transactional"),
        campaign("receipts", RECEIPT, purpose="transactional"),
    )
    return write_workspace(tmp_path / "shop", *campaigns, texts=texts)


def book(root: Path) -> Book:
    return book_of_files(root)


def shown(root: Path, message: str, *, sample: str = "everyday") -> dict[tuple[Channel, str], Preview]:
    saying, viewer = book(root).saying(message), Viewer()
    reader = to_sample(sample_named(sample))
    return {(text.channel, text.locale): viewer.show(saying, text, reader) for text in saying.texts}


class TestBook:
    def test_messages_and_campaigns_come_in_order(self, root: Path) -> None:
        sayings = book(root).sayings
        assert list(sayings) == ["letter", "note", "receipt"]
        assert [one.campaign.key for one in sayings["note"] if one.campaign] == ["a_notes", "b_notes"]

    def test_the_text_of_a_digest_is_there_as_those_say_it_whose_messages_wait(self, tmp_path: Path) -> None:
        text = "---\nsubject: S\npreheader: P\ntitle: T\n---\n"
        text += "{% for one in digest.items %}\n{{ one.subject }}\n\n{% endfor %}\n"
        root = write_workspace(
            tmp_path / "shop",
            campaign("waits", note("email", digest="weekly")),
            campaign("goes", note("email")),
            texts={"roundup/email.en.md.j2": text},
            policies={"digests": {"weekly": {"template": "roundup", "at": "10:00"}}},
        )
        sayings = book(root).sayings
        (roundup,) = sayings["roundup"]
        assert (roundup.campaign and roundup.campaign.key, roundup.digests) == ("waits", ("weekly",))
        assert [one.digests for one in sayings["note"]] == [(), ()]
        (preview,) = shown(root, "roundup").values()
        assert preview.rendered is not None
        assert preview.rendered.text.count("Kind of Blue") == 1
        index = index_document(rows_of(Viewer(), book(root), lambda *_: ""), book(root), "en")
        assert index.count("Digest weekly") == 1

    def test_the_first_campaign_speaks_unless_another_is_named(self, root: Path) -> None:
        assert book(root).saying("note").purpose is Purpose.TRANSACTIONAL
        assert book(root).saying("note", "b_notes").purpose is Purpose.MARKETING

    def test_what_nobody_sends_is_service_after_an_event_that_has_all_it_names(self, root: Path) -> None:
        (root / "templates/letter/email.en.md.j2").write_text(
            "---\nsubject: S\npreheader: P\ntitle: T\n---\n{{ event.topic }}"
        )
        letter = book(root).saying("letter")
        assert (letter.campaign, letter.purpose, letter.event) == (None, Purpose.SERVICE, "Complaint Raised")

    @pytest.mark.parametrize(
        ("message", "key", "hint"),
        [
            ("noet", None, "there is no message 'noet'; did you mean `note`?"),
            ("note", "c_notes", "the campaign 'c_notes' does not send `note`; did you mean"),
            ("letter", "a_notes", "does not send `letter`; no campaign sends it"),
        ],
    )
    def test_what_is_not_there_is_wrong_usage_with_the_nearest(
        self, root: Path, message: str, key: str | None, hint: str
    ) -> None:
        with pytest.raises(UsageError) as error:
            book(root).saying(message, key)
        assert hint in str(error.value)

    def test_texts_are_chosen_by_channel_and_locale(self, root: Path) -> None:
        note = book(root).saying("note")
        assert [(text.channel.value, text.locale) for text in note.texts] == [
            ("email", "en"),
            ("sms", "en"),
            ("sms", "ko"),
            ("push", "en"),
        ]
        assert [text.locale for text in chosen(note, Channel.SMS)] == ["en", "ko"]
        with pytest.raises(UsageError, match="`note` has no text by push in ko; expected `email en`, `sms en`"):
            chosen(note, Channel.PUSH, "ko")

    def test_a_broken_campaign_leaves_the_others_and_a_broken_shared_file_nothing(self, root: Path) -> None:
        (root / "campaigns/b_notes.yaml").write_text("key: b_notes\n")
        assert [one.campaign.key for one in book(root).sayings["note"] if one.campaign] == ["a_notes"]
        assert {problem.path for problem in book(root).problems} == {"campaigns/b_notes.yaml"}
        (root / "campaigns/policies.yaml").write_text("colour: red\n")
        assert book(root).sayings == {}
        assert "campaigns/policies.yaml" in {problem.path for problem in book(root).problems}


class TestViewer:
    def test_shows_every_text_with_sender_preheader_and_disclosure(self, root: Path) -> None:
        (root / "templates/note/email.en.md.j2").write_text("---\nsubject: S\npreheader: Before\ntitle: T\n---\nText\n")
        viewer, saying = Viewer(), book(root).saying("note", "b_notes")
        previews = [viewer.show(saying, text, to_sample(DEFAULT)) for text in saying.texts]
        email, _, korean, push = previews
        assert (email.sender, email.preheader) == ("Dangol Records <hello@dangol.example>", "Before")
        assert email.disclosed.opt_out.startswith("You get this because")
        assert "](" not in email.disclosed.opt_out
        assert korean.disclosed.label == "(광고)"
        assert [one.sent for one in previews] == [True, False, False, True]
        assert push.rendered is not None
        assert "Hello Alex" in push.rendered.text

    def test_one_text_with_a_mistake_does_not_hide_the_others(self, root: Path) -> None:
        (root / "templates/note/sms.ko.txt.j2").write_text("{{ profile.name | uper }}\n")
        texts = shown(root, "note")
        broken = texts[Channel.SMS, "ko"]
        assert broken.rendered is None
        assert [(problem.line, problem.code) for problem in broken.problems] == [(1, "unknown-filter")]
        assert all(one.rendered for name, one in texts.items() if name != (Channel.SMS, "ko"))

    def test_data_that_a_text_cannot_do_without_is_told_not_raised(self, root: Path) -> None:
        saying = book(root).saying("receipt")
        nobody = to_person({})
        assert Viewer().show(saying, saying.texts[0], nobody).rendered is not None
        (root / "templates/receipt/sms.en.txt.j2").write_text("{{ profile.vip }}\n")
        saying = book(root).saying("receipt")
        sms = Viewer().show(saying, saying.texts[1], nobody)
        assert sms.trouble == "templates/receipt/sms.en.txt.j2:1: `profile.vip` is missing"

    def test_changed_files_are_shown_anew_by_the_same_viewer(self, root: Path) -> None:
        viewer = Viewer()
        for words in ("One", "Two"):
            (root / "templates/note/sms.en.txt.j2").write_text(words)
            saying = book(root).saying("note")
            rendered = viewer.show(saying, saying.texts[1], to_sample(DEFAULT)).rendered
            assert rendered is not None
            assert words in rendered.text

    def test_findings_are_those_of_the_message_and_the_brand(self, root: Path) -> None:
        (root / "templates/note/sms.en.txt.j2").write_text("{{ event.valeu }}")
        (root / "templates/letter/email.en.md.j2").write_text("nothing")
        sayings = book(root).sayings
        found = Viewer().findings(sayings["note"])
        told = {(problem.path, problem.code) for problem in found.problems}
        assert ("templates/note/sms.en.txt.j2", "unknown-fact") in told
        assert {path.partition("/email")[0].partition("/sms")[0] for path, _ in told} == {"templates/note"}

    def test_a_person_is_said_it_with_their_own_profile(self, root: Path) -> None:
        found = book(root)
        saying = found.saying("receipt")
        reader = to_person({"given_name": "Bo"})
        sheet = sheet_for(Viewer(), found, saying, reader, chosen(saying, Channel.SMS), real=True)
        assert sheet.previews[0].rendered is not None
        assert "Hello Bo. Paid 39000." in sheet.previews[0].rendered.text


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda one: one.key)
def test_every_shipped_text_can_be_said_to_every_sample(sample: object) -> None:
    shipped, viewer = book_of_files(ROOT), _VIEWER
    reader = to_sample(sample)  # type: ignore[arg-type]
    silent = [
        (text.path, preview.trouble, preview.problems)
        for sayings in shipped.sayings.values()
        for text in sayings[0].texts
        if (preview := viewer.show(sayings[0], text, reader)).rendered is None
    ]
    assert silent == []


_VIEWER = Viewer()
