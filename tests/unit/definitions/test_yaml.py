"""YAML 1.2 with positions and limits; never a traceback."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dangol.definitions.document import Document
from dangol.definitions.sources import decode
from dangol.definitions.yaml import MAX_DEPTH, MAX_PROBLEMS, MAX_VALUES, read_yaml
from dangol.model.problem import Problem


def value(text: str) -> Any:
    document, problems = read_yaml("x.yaml", text)
    assert document is not None
    assert problems == []
    return document.value


def found(text: str) -> list[tuple[int, int, str]]:
    return [(problem.line, problem.column, problem.code) for problem in read_yaml("x.yaml", text)[1]]


@pytest.mark.parametrize(
    "text",
    ["21:00", "NO", "no", "on", "Yes", "+821012345678", "010", "0x1F", "1_000", "2026-03-02", "10%", ".5", "1e9999"],
)
def test_what_yaml_1_1_would_change_stays_text(text: str) -> None:
    assert value(f"a: {text}") == {"a": text}


def test_on_stays_a_key() -> None:
    assert value("on: 1\nNO: 2\n12: 3\n~: 4\n") == {"on": 1, "NO": 2, "12": 3, "~": 4}


@pytest.mark.parametrize(
    ("text", "expected"),
    [("12", 12), ("-3", -3), ("1.5", 1.5), ("2e3", 2000.0), ("true", True), ("False", False), ("~", None), ("", None)],
)
def test_numbers_truth_and_nothing(text: str, expected: object) -> None:
    assert value(f"a: {text}") == {"a": expected}


def test_quoted_scalars_are_text() -> None:
    assert value("a: '12'\nb: \"true\"\nc: |\n  12\n") == {"a": "12", "b": "true", "c": "12\n"}


def test_who_reads_the_same_text_again_has_what_it_says_whatever_others_made_of_it() -> None:
    text = "a: {b: [1]}\na: 2\n"
    document, problems = read_yaml("x.yaml", text)
    assert document is not None
    document.value["a"]["b"].append(2)
    problems.clear()
    again, found_again = read_yaml("x.yaml", text)
    assert again is not None
    assert again.value == {"a": {"b": [1]}}
    assert [problem.code for problem in found_again] == ["duplicate-key"]


def test_the_same_text_is_parsed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "parsed: once\n"
    first = value(text)
    monkeypatch.setattr("dangol.definitions.yaml.YAML", None)
    assert value(text) == first


def test_the_same_text_in_another_file_has_its_problems_there() -> None:
    assert [read_yaml(path, "a: *b")[1][0].path for path in ("x.yaml", "y.yaml")] == ["x.yaml", "y.yaml"]


def test_every_key_and_value_has_its_place() -> None:
    document, _ = read_yaml("x.yaml", "a:\n  - b: 1\n    c: [x,\n      y]\n")
    assert document is not None
    assert document.place(("a",), key=True) == (1, 1)
    assert document.place(("a", 0, "c"), key=True) == (3, 5)
    assert document.place(("a", 0, "c", 1)) == (4, 7)


@pytest.mark.parametrize(
    ("written", "line", "column"),
    [
        ("a: one two", 1, 8),
        ("a: 'one two'", 1, 9),
        ("a: 'o''e two'", 1, 10),
        ('a: "one two"', 1, 9),
        ("a: one\n  two", 2, 3),
        ("a: |\n  one\n  two", 3, 3),
        ("a: >-\n    one\n\n    two", 4, 5),
        ('a: "one \\u0074wo"', 1, 4),
    ],
)
def test_a_place_inside_a_text_is_found_in_the_file(written: str, line: int, column: int) -> None:
    document, _ = read_yaml("x.yaml", written)
    assert document is not None
    text = document.value["a"]
    assert document.place(("a",), offset=text.index("two") if "two" in text else 4) == (line, column)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a:\n\tb: 1\nc:\td\n", [(2, 1, "tab"), (3, 3, "tab")]),
        ("a: 1\nb: 2\na: 3\n", [(3, 1, "duplicate-key")]),
        ("a: {b: 1, b: 2, b: 3}\n", [(1, 11, "duplicate-key"), (1, 17, "duplicate-key")]),
        ("a: &x 1\nb: *x\n", [(1, 4, "anchor"), (2, 4, "alias")]),
        ("a: !!python/object:os.system x\n", [(1, 4, "tag")]),
        ("a: 1\n---\nb: 2\n", [(2, 1, "second-document")]),
        ("%YAML 1.1\n---\na: 1\n", [(2, 1, "directive")]),
        ("? [a]\n: 1\n", [(1, 3, "bad-key")]),
        ('a: "\\ud800"\n', [(1, 4, "bad-character")]),
        ("a: [1, 2\nb: 3\n", [(2, 2, "yaml-syntax")]),
        ("a: x\x07\n", [(1, 5, "yaml-syntax")]),
        ('a: 1\nb: "\\UFFFFFFFF"\n', [(2, 1, "yaml-syntax")]),
    ],
)
def test_what_has_no_clear_meaning_is_an_error_at_its_place(text: str, expected: list[tuple[int, int, str]]) -> None:
    assert found(text) == expected


def test_the_first_of_two_equal_keys_is_kept_so_that_the_rest_is_checked() -> None:
    document, _ = read_yaml("x.yaml", "a: 1\na: {b: 2}\nc: 3\n")
    assert document is not None
    assert document.value == {"a": 1, "c": 3}


@pytest.mark.parametrize("opening", ["[", "{a: ", "- "])
def test_deep_nesting_stops_at_the_limit(opening: str) -> None:
    started = time.process_time()
    assert found(opening * 50_000)[0][2] == "too-deep"
    assert time.process_time() - started < 5
    assert value("[" * MAX_DEPTH + "]" * MAX_DEPTH)


def test_an_alias_bomb_is_refused_before_it_grows() -> None:
    bomb = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 60))
    problems = found(bomb)
    assert len(problems) == MAX_PROBLEMS
    assert {code for _, _, code in problems} == {"anchor", "alias"}


def test_too_many_values_and_too_many_bytes_are_refused() -> None:
    assert [code for _, _, code in found("- x\n" * (MAX_VALUES + 1))] == ["too-large"]
    assert [code for _, _, code in found("# " + "가" * 400_000)] == ["too-large"]


def read(data: bytes) -> tuple[Document | None, list[Problem]]:
    text = decode("x.yaml", data)
    return (None, [text]) if isinstance(text, Problem) else read_yaml("x.yaml", text)


_YAMLISH = st.text(st.sampled_from("ab01 \n\n\t:-?[]{},&*!|>'\"%@`#\\uUx~<=.+\ufeff\u2028\x85\r\0가😀"), max_size=60)


@settings(max_examples=400, deadline=None)
@given(
    st.one_of(st.binary(max_size=80), _YAMLISH.map(str.encode), st.text(max_size=60).map(lambda text: text.encode()))
)
def test_any_bytes_give_a_value_or_problems_in_the_file_and_never_a_traceback(data: bytes) -> None:
    document, problems = read(data)
    assert document is not None or problems
    lines = data.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    for problem in problems:
        assert 1 <= problem.line <= len(lines)
        assert problem.column >= 1


_PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**17), 10**17)
    | st.text(st.characters(min_codepoint=32, max_codepoint=0xD7FF)),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abc가", max_size=5), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=200, deadline=None)
@given(_PLAIN)
def test_json_means_in_yaml_what_it_means_in_json(plain: Any) -> None:
    assert value(_json(plain)) == plain


def _json(plain: Any) -> str:
    if isinstance(plain, dict):
        return "{" + ", ".join(f"{_json(key)}: {_json(item)}" for key, item in plain.items()) + "}"
    if isinstance(plain, list):
        return "[" + ", ".join(map(_json, plain)) + "]"
    if isinstance(plain, str):
        return (
            '"'
            + "".join(
                f"\\u{ord(character):04x}" if ord(character) > 126 or character in '"\\' else character
                for character in plain
            )
            + '"'
        )
    return {True: "true", False: "false", None: "null"}[plain] if isinstance(plain, bool | None) else str(plain)


def test_a_byte_order_mark_and_windows_line_ends_are_welcome() -> None:
    document, problems = read(b"\xef\xbb\xbfa: 1\r\nb: 2\r\n")
    assert document is not None
    assert document.value == {"a": 1, "b": 2}
    assert document.place(("b",), key=True) == (2, 1)
    assert problems == []


def test_bytes_that_are_not_utf_8_are_told_with_their_place() -> None:
    _, problems = read("name: ok\nowner: 가나".encode("euc-kr"))
    assert [(problem.line, problem.column, problem.code) for problem in problems] == [(2, 8, "not-utf-8")]
