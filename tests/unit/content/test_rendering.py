"""What a message becomes for one person."""

from __future__ import annotations

import subprocess
import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dangol.content import limits
from dangol.content.messages import fallbacks
from dangol.errors import ContentTooLong, RenderError
from dangol.model.vocabulary import Channel, Purpose
from tests.unit.content.workspace import BRAND, ROOT, compiled, message, render


def test_markdown_becomes_html_and_a_plain_text_twin_that_reads_well() -> None:
    body = (
        "One **bold** word and [a link](https://dangol.example/a) inside.\n\n- first\n- second\n\n1. one\n2. two\n\n"
        "> said so\n\n[Look](https://dangol.example/b)\n\nEnd  \nof it. *&* <b>no tag</b>"
    )
    rendered = render(body, {"given_name": "Hana"})
    assert "<strong>bold</strong>" in rendered.html
    assert 'class="button-link" href="https://dangol.example/b"' in rendered.html
    assert "&lt;b&gt;no tag&lt;/b&gt;" in rendered.html
    assert rendered.text == (
        "Hello Hana,\n\n"
        "One bold word and a link (https://dangol.example/a) inside.\n\n"
        "- first\n- second\n\n1. one\n2. two\n\n> said so\n\nLook: https://dangol.example/b\n\n"
        "End\nof it. & <b>no tag</b>\n\n"
        "All of us at Dangol Records\n\n-- \n"
        "Dangol Records\n2F, 000 Wausan-ro, Mapo-gu, Seoul\n02-000-0000 · hello@dangol.example\n\n"
        "You get this because it is about your order or your question."
    )


def test_conditions_and_loops_work_in_both_parts() -> None:
    body = (
        "{% if profile.vip is present and profile.vip %}\nFor regulars.\n{% else %}\nFor all.\n{% endif %}\n\n"
        "{% for item in event.lines %}\n{{ loop.index }}. {{ item.title }}, {{ item.count }}\n\n{% endfor %}\n\nEnd."
    )
    event = {"lines": [{"title": "Kind of Blue", "count": 1}, {"title": "Blue <Train>", "count": 2.0}]}
    rendered = render(body, {"vip": True}, event)
    assert "For regulars." in rendered.html
    assert "For all." not in rendered.html
    assert "Blue &lt;Train&gt;, 2" in rendered.html
    assert "For regulars.\n\n1. Kind of Blue, 1\n\n2. Blue <Train>, 2\n\nEnd." in rendered.text


def test_a_block_inside_a_line_stays_in_the_line() -> None:
    rendered = render("Hello{% if profile.vip is present %}, **dear** regular{% endif %}!", {"vip": True})
    assert "Hello, <strong>dear</strong> regular!" in rendered.html
    assert "Hello, dear regular!" in rendered.text


def test_an_event_property_wins_over_python_methods_of_the_same_name() -> None:
    assert "3 of 4" in render("{{ event.items }} of {{ event.values }}", event={"items": 3, "values": 4}).text


@pytest.mark.parametrize("hostile", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "'; x"])
def test_data_cannot_become_markup(hostile: str) -> None:
    rendered = render("Dear {{ profile.name }}, **{{ profile.name }}**", {"name": hostile, "given_name": hostile})
    assert hostile in rendered.text
    assert "<script" not in rendered.html
    assert "<img" not in rendered.html
    assert hostile.replace("<", "&lt;").split("&lt;")[0] == hostile.split("<")[0]


@pytest.mark.parametrize(
    "inert", ["**bold**", "[x](https://evil.example)", "{{ 7 * 7 }}", "{% for %}", "# Title", "a | b"]
)
def test_data_is_never_parsed_as_markdown_or_jinja(inert: str) -> None:
    rendered = render("{{ profile.name }}", {"name": inert})
    assert inert in rendered.html
    assert inert in rendered.text


def test_words_that_stand_for_tags_cannot_be_forged_by_data_or_authors() -> None:
    rendered = render("tagword0z {{ profile.name }}", {"name": "tagword1z <!--tagwordq0z-->"})
    assert "tagword0z tagword1z &lt;!--tagwordq0z--&gt;" in rendered.html


def test_a_subject_is_one_line_whatever_the_data_holds() -> None:
    name = "Hana\r\nBcc: all@evil.example\n\x00\u2028x\x0b"
    rendered = render("B", {"name": name}, subject='"For {{ profile.name }}"')
    assert rendered.subject == "For Hana Bcc: all@evil.example x"


def test_control_and_direction_characters_are_dropped() -> None:
    rendered = render("[{{ profile.name }}]", {"name": "a\x07b\u202ec\r\nd"}, channel="sms")
    assert "[abc\nd]" in rendered.text


def test_a_tag_inside_a_link_is_percent_encoded_and_one_that_begins_it_is_checked() -> None:
    body = "[a](https://dangol.example/o/{{ event.id }}?q={{ event.q }}) and [b]({{ event.url }})"
    rendered = render(body, event={"id": "a/../b", "q": '"&x=1', "url": "https://ok.example/?a=1&b=2"})
    assert 'href="https://dangol.example/o/a%2F..%2Fb?q=%22%26x%3D1"' in rendered.html
    assert 'href="https://ok.example/?a=1&amp;b=2"' in rendered.html
    assert "b (https://ok.example/?a=1&b=2)" in rendered.text


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "data:text/html,x", "//evil.example", "https://x y", "", "http:///x"]
)
def test_a_link_from_data_has_to_be_a_link(url: str) -> None:
    with pytest.raises(RenderError, match="expected a link"):
        render("[b]({{ event.url }})", event={"url": url})


def test_a_missing_value_is_told_with_its_file_line_and_name() -> None:
    with pytest.raises(RenderError, match=r"templates/note/email.en.md.j2:9: `event.code` is missing"):
        render("First\n\nThen\n{{ event.code }}", event={})


def test_a_wrong_kind_of_value_is_told_in_words() -> None:
    for value, words in (([1], "a list"), (None, "nothing"), (True, "true or false"), ({"a": 1}, "a mapping")):
        with pytest.raises(RenderError, match=rf"email.en.md.j2:6: expected text or a number; found {words}"):
            render("Your {{ event.value }}", event={"value": value})


def test_amounts_dates_and_particles_speak_the_locale() -> None:
    body = (
        "{{ event.v | amount(event.c) }}; {{ event.d | date }}; {{ profile.name | josa('이') }}; {{ 1234.5 | number }}"
    )
    event = {"v": "35000", "c": "KRW", "d": "2026-03-02"}
    korean = render(body, {"name": "하나"}, event, channel="sms", locale="ko").text
    english = render(body, {"name": "단골"}, event, channel="sms", locale="en").text
    assert "35,000원; 2026년 3월 2일; 하나가; 1,234.5" in korean
    assert "₩35,000; March 2, 2026; 단골이; 1,234.5" in english


def test_particles_are_right_for_decomposed_hangul() -> None:
    decomposed = unicodedata.normalize("NFD", "김단골")
    assert (
        "김단골이" in render("{{ profile.name | josa('이') }}", {"name": decomposed}, channel="sms", locale="ko").text
    )


def test_a_date_with_a_time_is_told_in_the_zone_asked_for() -> None:
    body = "{{ event.at | date(timezone=profile.timezone) }} {{ event.at | time(timezone=profile.timezone) }}"
    text = render(body, {"timezone": "Asia/Seoul"}, {"at": "2026-03-01T20:00:00+00:00"}, channel="sms").text
    assert "March 2, 2026 5:00" in text


@pytest.mark.parametrize(
    ("at", "said"),
    [("15:00", "오후 3시에"), ("19:30", "오후 7시 30분에"), ("00:05", "오전 12시 5분에"), ("12:00", "오후 12시에")],
)
def test_korean_tells_the_hour_as_it_is_said(at: str, said: str) -> None:
    body = "{{ event.at | time }}에 뵙겠습니다."
    assert said in render(body, event={"at": f"2026-03-02T{at}:00+09:00"}, channel="sms", locale="ko").text


def test_sms_is_composed_and_its_segments_are_counted() -> None:
    decomposed = unicodedata.normalize("NFD", "하나")
    rendered = render("주문을 받았습니다.", {"name": decomposed}, channel="sms", locale="ko")
    assert rendered.text == "[단골레코드] 하나님, 주문을 받았습니다.\n문의 02-000-0000"
    assert rendered.segments == 1
    assert render("plain", channel="sms").segments == 1
    assert render("{{ 'a' | trim }}" + "b" * 300, channel="sms").segments == 3


def test_texts_beyond_the_channels_limits_are_refused() -> None:
    for channel, size in (("sms", 700), ("push", 501)):
        with pytest.raises(ContentTooLong, match="at most"):
            render("{{ event.x }}", event={"x": "가" * size}, channel=channel)
    with pytest.raises(ContentTooLong, match="push title"):
        render("b", event={"x": "t" * 101}, channel="push", subject='"{{ event.x }}"')
    link = {"templates/note/push.en.txt.j2": '---\ntitle: t\nlink: "https://x.example/{{ event.x }}"\n---\nb'}
    made = compiled(link)
    with pytest.raises(ContentTooLong, match="4096"):
        made.render("note", Channel.PUSH, "en", {"event": {"x": "x" * 4096}})
    with pytest.raises(ContentTooLong, match="subject"):
        render("b", event={"x": "t" * 300}, subject='"{{ event.x }}"')


@pytest.mark.parametrize(
    ("asked", "order"),
    [("ko-KR", ("ko-KR", "ko", "en")), ("ko_kr", ("ko-KR", "ko", "en")), (None, ("", "en")), ("de", ("de", "en"))],
)
def test_locales_fall_back_to_the_language_then_the_workspace(asked: str | None, order: tuple[str, ...]) -> None:
    assert fallbacks(asked, "en") == order


def test_the_text_of_the_nearest_locale_is_chosen_and_told() -> None:
    made = compiled({**message("English", channel="sms"), **message("한국어", channel="sms", locale="ko")})
    assert made.render("note", Channel.SMS, "ko-KR", {}).locale == "ko"
    assert made.render("note", Channel.SMS, "fr", {}).locale == "en"
    assert made.channels("note") == {Channel.SMS}
    with pytest.raises(RenderError, match="has no push text in ko, en"):
        made.render("note", Channel.PUSH, "ko", {})


def test_variables_are_exactly_what_the_text_and_its_voice_read() -> None:
    made = compiled(message("{{ event.value }} {% if profile.vip is present %}x{% endif %}"))
    expected = {("event", "value"), ("profile", "vip"), ("profile", "given_name")}
    assert made.variables("note", Channel.EMAIL, "en") == expected


@given(st.dictionaries(st.sampled_from(["name", "given_name"]), st.text(max_size=40)))
def test_any_name_renders_or_is_refused_and_never_reaches_markup(profile: dict[str, str]) -> None:
    rendered = _HYPOTHESIS.render("note", Channel.EMAIL, "en", {"profile": profile, "event": {}})
    assert rendered.html.count("<") == _PLAIN.html.count("<")
    assert "\n" not in rendered.subject
    again = _HYPOTHESIS.render("note", Channel.EMAIL, "en", {"profile": profile, "event": {}})
    assert again.content() == rendered.content()


_HYPOTHESIS = compiled(message("x {{ profile.name | default('y') }}", subject="\"{{ profile.name | default('y') }}!\""))
_PLAIN = _HYPOTHESIS.render("note", Channel.EMAIL, "en", {})


def test_the_same_version_and_context_give_the_same_bytes_in_another_process() -> None:
    program = (
        "import hashlib; from tests.unit.content.workspace import *\n"
        "m = compile_messages(SHIPPED, templates=['newsletter'], purpose=Purpose.MARKETING, default_locale='ko')\n"
        "c = {'profile': {'name': 'x', 'topics': ['a', 'b'], 'vip': True}, 'event': {}}\n"
        "print(hashlib.sha256(m.render('newsletter', Channel.EMAIL, 'ko', c).content()).hexdigest())"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", program], cwd=ROOT, env={"PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in ("1", "2")
    }
    assert len(digests) == 1


def test_sender_and_headers_come_from_the_voice() -> None:
    made = compiled(message("x"), purpose=Purpose.MARKETING, locale="ko-KR")
    assert made.sender(Channel.EMAIL, "ko") == "단골레코드 <hello@dangol.example>"
    assert made.sender(Channel.EMAIL, "en-GB") == "Dangol Records <hello@dangol.example>"
    assert made.sender(Channel.EMAIL, "fr") == "단골레코드 <hello@dangol.example>"
    assert made.sender(Channel.SMS, "en") == "020000000"
    assert [made.sender(Channel.PUSH, locale) for locale in ("ko", "en")] == ["단골레코드", "Dangol Records"]
    assert made.headers(Channel.EMAIL) == {"List-Unsubscribe": "<mailto:leave@dangol.example?subject=unsubscribe>"}
    assert made.headers(Channel.SMS) == {}
    assert compiled(message("x")).headers(Channel.EMAIL) == {}
    assert "templates/brand/voice.yaml" in BRAND


def test_an_email_that_gmail_would_clip_is_sent_and_can_be_told() -> None:
    body = "{% for one in event.lines %}\n{{ one }}\n\n{% endfor %}"
    small, large = (render(body, event={"lines": ["word " * 400] * count}) for count in (1, 100))
    assert limits.clipped(small) is None
    assert limits.clipped(large) == len(large.html.encode()) > 102 * 1024
