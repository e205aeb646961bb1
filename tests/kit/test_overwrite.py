"""Files of other people stay."""

from pathlib import Path

import pytest

from kit.overwrite import refuse_foreign


def test_only_what_stands_there_and_is_not_ours_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "grid.png"
    refuse_foreign(path, is_ours=False, error=RuntimeError)
    path.write_bytes(b"somebody's")
    refuse_foreign(path, is_ours=True, error=RuntimeError)
    with pytest.raises(RuntimeError, match=r"did not make this.*choose another --out"):
        refuse_foreign(path, is_ours=False, error=RuntimeError)
    assert path.read_bytes() == b"somebody's"
