"""Files become rows: nothing is lost, nothing is guessed, one bad row costs one line."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from dangol.errors import UsageError
from dangol.jurisdictions import known_places, packs
from dangol.model.people import IncomingEvent, ProfileChange
from dangol.model.vocabulary import ConsentAction
from dangol.profiles.files import Rejected, Row, RowFile
from dangol.profiles.importer import Accepted, read_consents, read_events, read_profiles

NOW = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def write(text: str, name: str = "rows.csv", encoding: str = "utf-8") -> Path:
        path = tmp_path / name
        path.write_bytes(text.encode(encoding))
        return path

    return write


def profiles_in(path: Path, **options: Any) -> list[Accepted[ProfileChange] | Rejected]:
    with RowFile(path, **options) as file:
        return list(read_profiles(file, places=()))


def events_in(path: Path) -> list[Accepted[IncomingEvent] | Rejected]:
    with RowFile(path) as file:
        return list(read_events(file, source="import", now=NOW))


def event_ids(path: Path) -> list[str]:
    return [row.value.message_id for row in events_in(path) if isinstance(row, Accepted)]


def test_a_csv_profile_has_fields_and_attributes(write: Callable[..., Path]) -> None:
    path = write(
        "profile_id,email,country,orders_count,attributes.vip,code:text,zip,attributes\n"
        'c-1,kim@example.com,KR,3,true,12,01234,"{""tags"": [""a""]}"\n'
        "c-2,,,,,,,\n"
    )
    first, second = profiles_in(path)
    assert isinstance(first, Accepted)
    assert first.value == ProfileChange(
        "c-1",
        email="kim@example.com",
        country="KR",
        attributes={"orders_count": 3, "vip": True, "code": "12", "zip": "01234", "tags": ["a"]},
    )
    assert isinstance(second, Accepted)
    assert second.value == ProfileChange("c-2")


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("29.30", 29.3),
        ("-2", -2),
        ("0", 0),
        ("true", True),
        ("True", "True"),
        ("007", "007"),
        ("1e5", "1e5"),
        ("1,000", "1,000"),
        ("1234567890123456", "1234567890123456"),
        ("null", "null"),
        ("NaN", "NaN"),
    ],
)
def test_a_property_cell_is_a_number_only_if_it_is_plainly_one(
    write: Callable[..., Path], cell: str, value: object
) -> None:
    path = write(f'profile_id,event,timestamp,properties.x\nc-1,Seen,2026-01-01,"{cell}"\n')
    (row,) = events_in(path)
    assert isinstance(row, Accepted)
    assert row.value.properties == {"x": value}
    assert type(row.value.properties["x"]) is type(value)


def test_json_lines_have_the_same_fields(write: Callable[..., Path]) -> None:
    row = {"profile_id": 7, "event": "Seen", "timestamp": "2026-01-01", "properties": {"x": "1"}, "message_id": "m"}
    (accepted,) = events_in(write(json.dumps(row) + "\n\n", "rows.jsonl"))
    assert isinstance(accepted, Accepted)
    assert accepted.value == IncomingEvent("m", "7", "Seen", {"x": "1"}, datetime(2026, 1, 1, tzinfo=UTC), "import")


def test_bad_rows_are_told_by_line_and_the_good_ones_go_on(write: Callable[..., Path]) -> None:
    path = write("profile_id,email\nc-1,kim@example.com\nc-2,nonsense\nc-3\n,x@example.com\n\nc-4,lee@example.com\n")
    rows = profiles_in(path)
    assert [row.line for row in rows if isinstance(row, Accepted)] == [2, 7]
    assert [(row.line, row.code) for row in rows if isinstance(row, Rejected)] == [
        (3, "invalid_email"),
        (4, "wrong_columns"),
        (5, "missing_user"),
    ]


def test_a_stray_quote_costs_one_line(write: Callable[..., Path]) -> None:
    path = write('profile_id,name\nc-1,Kim\nc-2,"Lee\nc-3,Park\nc-4,Choi\n')
    rows = profiles_in(path)
    assert [(row.line, row.code, row.row) for row in rows if isinstance(row, Rejected)] == [
        (3, "malformed_csv", 'c-2,"Lee')
    ]
    assert [row.value.external_id for row in rows if isinstance(row, Accepted)] == ["c-1", "c-3", "c-4"]


def test_a_record_may_span_lines_and_is_named_by_its_first(write: Callable[..., Path]) -> None:
    path = write('profile_id,note\nc-1,"two\nlines"\nc-2,one\n')
    assert [(row.line, row.value.attributes) for row in profiles_in(path) if isinstance(row, Accepted)] == [
        (2, {"note": "two\nlines"}),
        (4, {"note": "one"}),
    ]


def test_bad_json_lines_cost_one_line_each(write: Callable[..., Path]) -> None:
    bad = ["{", "[]", '{"profile_id": "c"}', '{"profile_id": "c", "evnt": "x"}', "[" * 100_000, '{"profile_id": NaN}']
    path = write("\n".join([*bad, '{"profile_id": "c-1", "event": "Seen", "timestamp": "2026-01-01"}']), "rows.jsonl")
    *rejected, last = events_in(path)
    assert isinstance(last, Accepted)
    assert [(row.line, row.code) for row in rejected if isinstance(row, Rejected)] == [
        (1, "malformed_json"),
        (2, "not_an_object"),
        (3, "invalid_timestamp"),
        (4, "unknown_field"),
        (5, "malformed_json"),
        (6, "invalid_timestamp"),
    ]


def test_an_endless_line_is_refused_and_the_next_one_read(write: Callable[..., Path]) -> None:
    good = '{"profile_id": "c-1"}'
    path = write('{"profile_id": "' + "a" * 3_000_000 + '"}\n' + good, "rows.jsonl")
    refused, accepted = profiles_in(path)
    assert isinstance(refused, Rejected)
    assert len(str(refused.row)) <= 1_000_000
    assert isinstance(accepted, Accepted)
    assert accepted.line == 2


def test_every_wrong_column_is_told_at_once(write: Callable[..., Path]) -> None:
    with pytest.raises(UsageError) as refused:
        events_in(write("Profile_ID,event,timestmp,event\nc-1,Seen,2026-01-01,x\n"))
    said = str(refused.value)
    assert "missing column 'profile_id'" in said
    assert "missing column 'timestamp' (did you mean 'timestmp'?)" in said
    assert "unknown column 'timestmp' (did you mean 'timestamp'?)" in said
    assert "column 'event' is there twice" in said


def test_a_file_separated_by_semicolons_is_told_so(write: Callable[..., Path]) -> None:
    with pytest.raises(UsageError, match="separated by ';'"):
        events_in(write("profile_id;event;timestamp\nc-1;Seen;2026-01-01\n"))


@pytest.mark.parametrize(
    ("text", "name", "said"),
    [
        ("", "rows.csv", "is empty"),
        ("", "rows.jsonl", "is empty"),
        ("\n\n", "rows.csv", "expected a header"),
        ("profile_id\n", "rows.txt", "--format"),
    ],
)
def test_a_file_that_cannot_be_read_is_an_error(write: Callable[..., Path], text: str, name: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        profiles_in(write(text, name))


def test_a_missing_file_a_folder_and_an_unknown_encoding_are_errors(write: Callable[..., Path], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such file"):
        profiles_in(tmp_path / "absent.csv")
    with pytest.raises(UsageError, match="expected a file"):
        profiles_in(tmp_path, format="csv")
    with pytest.raises(UsageError, match="--encoding"):
        profiles_in(write("profile_id\n"), encoding="utf-99")


def test_a_file_in_another_encoding_is_told_with_the_byte_and_the_likely_one(write: Callable[..., Path]) -> None:
    text = "profile_id,name\nc-1,Kim\nc-2,김단골\n"
    path = write(text, encoding="cp949")
    with pytest.raises(UsageError, match=r"byte 28 is not utf-8; it reads as cp949: try --encoding cp949"):
        profiles_in(path)
    names = [row.value.attributes["name"] for row in profiles_in(path, encoding="cp949") if isinstance(row, Accepted)]
    assert names == ["Kim", "김단골"]


def test_a_fault_far_into_the_file_is_found_before_the_first_row(write: Callable[..., Path]) -> None:
    start = "profile_id,name\n" + "c-1,김\n" * 300_000
    path = write(start)
    with path.open("ab") as file:
        file.write(b"c-2,\xff\n")
    with pytest.raises(UsageError, match=f"byte {len(start.encode()) + 4:,} is not utf-8; name the right one"):
        profiles_in(path)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_files_from_spreadsheets_are_read(write: Callable[..., Path], encoding: str) -> None:
    path = write("profile_id,name\r\nc-1,김단골\r\n", encoding=encoding)
    (row,) = profiles_in(path, encoding="utf-8" if encoding == "utf-8-sig" else encoding)
    assert isinstance(row, Accepted)
    assert row.value == ProfileChange("c-1", attributes={"name": "김단골"})


def test_an_event_without_message_id_is_known_by_what_it_says(write: Callable[..., Path]) -> None:
    header, seen = "profile_id,event,timestamp,properties.x\n", "c-1,Seen,2026-01-01T00:00:00Z,1\n"
    other = "c-2,Seen,2026-01-01T00:00:00Z,1\n"
    first = event_ids(write(header + seen + other + seen))
    assert len(set(first)) == 3
    assert event_ids(write(header + other + seen, "later.csv")) == [first[1], first[0]]
    reordered = 'event,profile_id,properties,timestamp\nSeen,c-1,"{""x"": 1}",2026-01-01T09:00:00+09:00\n'
    assert event_ids(write(reordered, "reordered.csv")) == [first[0]]


def test_the_progress_of_reading_is_in_bytes(write: Callable[..., Path]) -> None:
    path = write("profile_id\n" + "c-1\n" * 10)
    with RowFile(path) as file:
        assert all(isinstance(row, Row) for row in file)
        assert file.position == file.size == path.stat().st_size


def test_consents_tell_where_they_come_from(write: Callable[..., Path]) -> None:
    path = write(
        "profile_id,channel,purpose,action,occurred_at,wording,source,basis\n"
        "c-1,email,marketing,granted,2026-01-01,News by email?,signup form,\n"
        "c-1,email,marketing,withdrawn,2026-02-01,,,\n"
        "c-1,email,marketing,granted,2027-01-01,,,\n"
    )
    with RowFile(path) as file:
        first, second, third = read_consents(file, source="crm", now=NOW, places=known_places(packs()))
    assert isinstance(first, Accepted)
    assert isinstance(second, Accepted)
    assert isinstance(third, Rejected)
    told = (first.value.source, first.value.wording, first.value.basis, first.value.action)
    assert told == ("import:crm:2 (signup form)", "News by email?", "consent", ConsentAction.GRANTED)
    assert (second.value.source, second.value.action) == ("import:crm:3", ConsentAction.WITHDRAWN)
    assert third.code == "consent_in_future"


CLAIM = "profile_id,channel,purpose,action,occurred_at,proof,basis\nc-1,email,marketing,granted,2026-01-01,{},\n"


@pytest.mark.parametrize(("proof", "action"), [("", ConsentAction.IMPORTED), ("call 17", ConsentAction.GRANTED)])
def test_a_grant_that_nobody_can_show_is_a_claim(write: Callable[..., Path], proof: str, action: ConsentAction) -> None:
    path = write(CLAIM.format(proof))
    with RowFile(path) as file:
        (row,) = read_consents(file, now=NOW, places=known_places(packs()))
    assert isinstance(row, Accepted)
    assert (row.value.action, row.value.source) == (action, f"import:{path.name}:2")
    with RowFile(path) as file:
        (row,) = read_consents(file, source="simulation", now=NOW, places=known_places(packs()), assumed=True)
    assert isinstance(row, Accepted)
    assert (row.value.action, row.value.source) == (ConsentAction.GRANTED, "simulation")


@pytest.mark.parametrize(
    ("action", "proof", "becomes"),
    [("confirmed", "", "imported"), ("confirmed", "call 17", "confirmed"), ("reconfirmed", "call 17", "reconfirmed")],
)
def test_a_confirmation_that_nobody_can_show_is_no_more_than_a_claim(
    write: Callable[..., Path], action: str, proof: str, becomes: str
) -> None:
    with RowFile(write(CLAIM.replace("granted", action).format(proof))) as file:
        (row,) = read_consents(file, now=NOW, places=known_places(packs()))
    assert isinstance(row, Accepted)
    assert row.value.action == becomes


def test_a_consent_is_made_no_younger_without_evidence(write: Callable[..., Path]) -> None:
    with RowFile(write(CLAIM.replace("granted", "reconfirmed").format(""))) as file:
        (row,) = read_consents(file, now=NOW, places=known_places(packs()))
    assert isinstance(row, Rejected)
    assert (row.line, row.code) == (2, "evidence_missing")


def test_a_consent_keeps_all_its_evidence(write: Callable[..., Path]) -> None:
    path = write(
        "profile_id,channel,purpose,action,occurred_at,topic,jurisdiction,wording,wording_version,locale,proof,ip,"
        "user_agent\n"
        "c-1,sms,marketing,granted,2026-01-01T21:00:00+09:00,night,kr,밤에도 받을게요,3,ko_KR,form 7,"
        "203.0.113.7,Firefox\n"
    )
    with RowFile(path) as file:
        (row,) = read_consents(file, now=NOW, places=known_places(packs()))
    assert isinstance(row, Accepted)
    told = row.value
    assert (told.topic, told.jurisdiction, told.wording, told.wording_version) == (
        "night",
        "KR",
        "밤에도 받을게요",
        "3",
    )
    assert (told.locale, told.proof, told.ip, told.user_agent) == ("ko-KR", "form 7", "203.0.113.7", "Firefox")
    assert told.utc_offset == 540
