"""Forms are read as the standard library reads them."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode

from hypothesis import given
from hypothesis import strategies as st

from dangol.devproviders.http import form_fields

TEXT = st.text(st.characters(exclude_categories=["Cs"]))


@given(st.dictionaries(TEXT.filter(bool), TEXT))
def test_what_is_written_is_read(fields: dict[str, str]) -> None:
    assert form_fields(urlencode(fields).encode()) == fields


@given(st.text("ab=&+%0aZ9é \r\n_"))
def test_what_is_written_badly_is_read_as_the_standard_library_does(text: str) -> None:
    expected = dict(parse_qsl(text, keep_blank_values=True))
    expected.pop("", None)
    assert form_fields(text.encode()) == expected
