"""JSON lines as kills, editors and other programs leave them."""

from pathlib import Path

from kit.jsonl import parse_json_line, read_jsonl


def test_only_whole_objects_are_read_and_a_byte_order_mark_is_skipped(tmp_path: Path) -> None:
    path = tmp_path / "lines.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{"a": 1}\n\n[2]\n{"b": "\xff"}\n{"c": 3')
    assert list(read_jsonl(path)) == [{"a": 1}, {"b": "\ufffd"}]


def test_a_file_that_does_not_exist_has_no_lines(tmp_path: Path) -> None:
    assert list(read_jsonl(tmp_path / "none")) == []


def test_bytes_that_are_no_text_are_no_object() -> None:
    assert parse_json_line(b'{"a": "\xff"}') is None
    assert parse_json_line(b'{"a": 1}\n') == {"a": 1}


def test_absurd_nesting_and_numbers_are_no_object() -> None:
    assert parse_json_line('{"a": ' + "[" * 90_000) is None
    assert parse_json_line('{"a": ' + "1" * 5000 + "}") is None
