"""Which entries of the journal's folder are segments, and which are somebody else's."""

from pathlib import Path

from prisme.journal.segment import Segment, leftovers, segment_path


def test_only_files_with_a_segments_name_are_segments(tmp_path: Path) -> None:
    ours = [segment_path(tmp_path, number) for number in (2, 10, 999_999_999_999)]
    others = [tmp_path / name for name in ("0000000000002.ndjson", "2.ndjson", "000000000003.ndjson.bak", "notes.txt")]
    rejected = tmp_path / "000000000004.ndjson.rejected"
    for path in (*ours, *others, rejected):
        path.touch()
    folder = segment_path(tmp_path, 5)
    folder.mkdir()
    segments, foreign = leftovers(tmp_path)
    assert segments == [Segment(number, path) for number, path in zip((2, 10, 999_999_999_999), ours, strict=True)]
    assert foreign == sorted([*others, folder])
