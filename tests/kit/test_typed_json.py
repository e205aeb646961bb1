"""JSON files from outside: an object of at most so many bytes, or refused."""

from pathlib import Path

import pytest

from kit.typed_json import MAX_OBJECT_BYTES, read_object


def test_an_object_of_a_file_is_read_up_to_its_bound(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    path.write_bytes(b'{"a": 1}'.ljust(MAX_OBJECT_BYTES))
    assert read_object(path) == {"a": 1}
    path.write_bytes(b'{"a": 1}'.ljust(MAX_OBJECT_BYTES + 1))
    with pytest.raises(ValueError, match="more than 1,000,000 bytes"):
        read_object(path)
    with pytest.raises(FileNotFoundError):
        read_object(tmp_path / "none")
