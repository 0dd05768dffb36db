import pytest

from srnet.core.atomic import atomic_folder, atomic_path, write_text


def test_the_file_appears_only_when_whole(tmp_path):
    target = tmp_path / "new" / "volume.nii.gz"
    with atomic_path(target) as partial:
        partial.write_text("whole", encoding="utf-8")
        assert not target.exists()
        assert partial.name.endswith(".nii.gz")
        assert partial.name.startswith(".")
    assert target.read_text(encoding="utf-8") == "whole"
    assert list(target.parent.iterdir()) == [target]


def write_half(target):
    with atomic_path(target) as partial:
        partial.write_text("half", encoding="utf-8")
        raise OSError("disk full")


def test_a_failure_leaves_what_was_there(tmp_path):
    target = tmp_path / "table.csv"
    write_text(target, "old")
    with pytest.raises(OSError, match="disk full"):
        write_half(target)
    assert target.read_text(encoding="utf-8") == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_two_writers_do_not_meet(tmp_path):
    target = tmp_path / "a.txt"
    with atomic_path(target) as one, atomic_path(target) as two:
        assert one != two
        one.write_text("one", encoding="utf-8")
        two.write_text("two", encoding="utf-8")
    assert target.read_text(encoding="utf-8") in {"one", "two"}


def test_text_is_utf_8(tmp_path):
    write_text(tmp_path / "a.txt", "µm\n")
    assert (tmp_path / "a.txt").read_bytes() == "µm\n".encode()


def test_a_folder_appears_only_when_whole(tmp_path):
    target = tmp_path / "exported"
    with atomic_folder(target) as partial:
        (partial / "a.txt").write_text("a", encoding="utf-8")
        assert not target.exists()
    assert [path.name for path in target.iterdir()] == ["a.txt"]
    assert list(tmp_path.iterdir()) == [target]
