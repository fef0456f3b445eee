"""What is found in a rendering is told where its author wrote it."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dangol.content.workshop import Workshop
from dangol.editor.model import Reading, Scene
from dangol.editor.prose import read
from dangol.editor.spoken import Speech, line_and_column, place_of
from dangol.editor.wishes import wishes
from dangol.model.vocabulary import Channel, Purpose
from tests.unit.editor.desk import brand_sources

SOURCES = brand_sources()
DATA = {"profile": {"name": "김*하*늘", "given_name": "A_l_ex"}, "event": {"name": "Kind of [Blue](x)", "price": 3}}
FRONT = "---\nsubject: Subject here\npreheader: Before it\ntitle: 'Title''s here'\n---\n"


def said(body: str, channel: Channel = Channel.EMAIL, locale: str = "en", front: str = FRONT) -> tuple[str, Reading]:
    """The source of a text, and the text as it is read."""
    suffix = "md" if channel is Channel.EMAIL else "txt"
    path = f"templates/case/{channel.value}.{locale}.{suffix}.j2"
    text = body if channel is Channel.SMS else front + body
    sources = {**SOURCES, path: text}
    workshop = Workshop(sources)
    file = workshop.files["case", channel, locale]
    bench = workshop.bench(file, Purpose.SERVICE)
    assert bench is not None
    assert workshop.voice is not None
    asked = wishes(workshop.voice.voice, locale, channel, "")
    scene = Scene("case", locale, channel, Purpose.SERVICE, "", "", asked)
    return text, read(scene, Speech(file, bench, sources).say(DATA))


def place(reading: Reading, part: str, words: str) -> tuple[str, int]:
    """Path and index of the first ``words`` in a part."""
    prose = reading.parts[part]
    start = prose.text.index(words)
    found = place_of(prose.passage, prose.back[start], prose.back[start + len(words) - 1] + 1)
    return found.path, found.index


PIECES = st.lists(
    st.sampled_from(
        ["word", "bold", "tag", "block", "link", "break", "item", "quote", "comment", "escape", "loop", "voice"]
    ),
    min_size=1,
    max_size=14,
)


def written(pieces: Sequence[str]) -> tuple[str, list[str], list[str]]:
    """A body of such pieces, its words (each unlike any other), and its tags in their order."""
    out: list[str] = []
    words: list[str] = []
    tags: list[str] = []
    for number, piece in enumerate(pieces):
        word = f"wort{number}q"
        tag = f"{{{{ event.name | default('n{number}') }}}}"
        shapes = {
            "word": f"{word} ",
            "bold": f"**{word}** ",
            "tag": f"{word} {tag} ",
            "block": f"{{% if event.price is present %}}{word} {{% else %}}never{{% endif %}}",
            "link": f"[{word}](https://dangol.example/{{{{ event.name }}}}) ",
            "break": f"{word}\\\n",
            "item": f"\n\n- {word}\n- more\n\n",
            "quote": f"\n\n> {word}\n\n",
            "comment": f"{{# {word} {tag} #}}{word} ",
            "escape": f"\\*{word}\\* ",
            "loop": f"{{% for one in [1, 2] %}}{word} {{% endfor %}}",
            "voice": f"{word} {{{{ voice.thanks }}}} ",
        }
        out.append(shapes[piece])
        words.append(word)
        tags += [tag] if piece == "tag" else []
    return "".join(out), words, tags


@given(pieces=PIECES)
@settings(max_examples=60, deadline=None)
def test_every_literal_word_of_an_email_is_told_exactly_where_it_stands(pieces: list[str]) -> None:
    body, words, _ = written(pieces)
    text, reading = said(f"start {body} end\n")
    for word in words:
        path, index = place(reading, "body", word)
        assert path == "templates/case/email.en.md.j2"
        assert text.startswith(word, index), (text, word, text[index : index + 20])
        assert not text[:index].endswith("{# ")


@given(pieces=st.lists(st.sampled_from(["word", "tag", "block", "comment", "loop"]), min_size=1, max_size=10))
@settings(max_examples=40, deadline=None)
def test_every_literal_word_of_an_sms_is_told_exactly_where_it_stands(pieces: list[str]) -> None:
    body, words, tags = written(pieces)
    text, reading = said(f"start {body} end\n", Channel.SMS)
    for word in words:
        index = place(reading, "body", word)[1]
        assert text.startswith(word, index)
    prose = reading.parts["body"]
    position = 0
    for tag in tags:
        start = prose.text.index("Kind of [Blue](x)", position)
        position = start + 1
        found = place_of(prose.passage, prose.back[start], prose.back[start] + 5)
        assert found.data
        assert text.startswith(tag, found.index)


def test_data_is_told_by_the_tag_that_put_it_in() -> None:
    text, reading = said("You chose {{ event.name }} today.\n")
    assert place(reading, "body", "Kind of [Blue]") == ("templates/case/email.en.md.j2", text.index("{{ event.name"))


def test_a_stretch_that_begins_in_data_is_told_by_its_first_written_character() -> None:
    text, reading = said("You chose {{ event.name }} today.\n")
    start = reading.parts["body"].text.index("Blue")
    prose = reading.parts["body"]
    found = place_of(prose.passage, prose.back[start], prose.back[start + 14])
    assert text.startswith(" today", found.index)


def test_words_of_the_voice_are_told_in_the_voice() -> None:
    _, reading = said("We have it. {{ voice.thanks }}\n")
    path, index = place(reading, "body", "Thank you.")
    assert path == "templates/brand/voice.yaml"
    assert SOURCES[path].startswith("Thank you.", index)
    path, index = place(reading, "greeting", "Hello")
    assert SOURCES[path].startswith("Hello {{ profile.given_name }},", index)


def test_words_of_a_macro_are_told_in_the_macros() -> None:
    macros = SOURCES["templates/brand/macros.j2"] + "{% macro wish(x) %}A quiet {{ x }} to you{% endmacro %}\n"
    with_wish = {**SOURCES, "templates/brand/macros.j2": macros}
    path = "templates/case/sms.en.txt.j2"
    sources = {**with_wish, path: "We close. {{ wish('evening') }}.\n"}
    workshop = Workshop(sources)
    file = workshop.files["case", Channel.SMS, "en"]
    bench = workshop.bench(file, Purpose.SERVICE)
    assert bench is not None
    assert workshop.voice is not None
    scene = Scene(
        "case", "en", Channel.SMS, Purpose.SERVICE, "", "", wishes(workshop.voice.voice, "en", Channel.SMS, "")
    )
    reading = read(scene, Speech(file, bench, sources).say(DATA))
    assert reading.parts["body"].text == "We close. A quiet evening to you.\n".rstrip("\n")
    found, index = place(reading, "body", "A quiet")
    assert (found, macros[index : index + 7]) == ("templates/brand/macros.j2", "A quiet")
    found, index = place(reading, "body", "evening")
    assert (found, sources[path][index : index + 8]) == (path, "{{ wish(")


@pytest.mark.parametrize(("part", "words", "line", "column"), [("subject", "here", 2, 18), ("preheader", "it", 3, 19)])
def test_front_matter_is_told_at_its_own_line(part: str, words: str, line: int, column: int) -> None:
    text, reading = said("It is here.\n")
    prose = reading.parts[part]
    start = prose.text.index(words)
    found = place_of(prose.passage, prose.back[start], prose.back[start] + 1)
    assert line_and_column({found.path: text}, found) == (line, column)


def test_what_was_written_with_escapes_is_told_by_its_line() -> None:
    text, reading = said("It is here.\n")
    found = place_of(reading.parts["title"].passage, 8, 12)
    assert line_and_column({found.path: text}, found)[0] == 4
