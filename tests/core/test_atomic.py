"""Whole files or none, and nothing that a killed writer leaves stays for good."""

import pytest

from srnet.core.atomic import (
    atomic_folder,
    atomic_path,
    is_partial,
    remove_partials,
    scratch_folder,
    write_text,
)


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


@pytest.mark.parametrize("name", ["x" * 248 + ".nii.gz", "患" * 82 + ".tsv"])
def test_a_name_as_long_as_a_file_system_takes_is_written(tmp_path, name):
    with atomic_path(tmp_path / name) as partial:
        assert is_partial(partial)
        assert partial.name.endswith(name[-7:])
        partial.write_text("whole", encoding="utf-8")
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_byte_that_is_no_utf_8_is_written_as_its_number(tmp_path):
    """Names of files hold such bytes, and reasons hold names of files."""
    write_text(tmp_path / "a.txt", "caf\udce9.nii: is no image\n")
    assert (tmp_path / "a.txt").read_text(encoding="utf-8") == "caf\\udce9.nii: is no image\n"


def test_only_what_was_left_half_written_is_removed(tmp_path):
    names = [".0a1b2c3d.partial.a.h5", ".tmpuu3QWu", "a.h5", ".tmp", ".tmp-notes", "x.tmpuu3QWu"]
    for name in names:
        (tmp_path / name).touch()
    (tmp_path / ".0a1b2c3d.partial.folder" / "inner").mkdir(parents=True)
    remove_partials(tmp_path.iterdir())
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names[2:])


def test_a_scratch_folder_leaves_nothing(tmp_path):
    with scratch_folder(tmp_path / "model") as scratch:
        (scratch / "of the library").touch()
        assert is_partial(scratch)
    assert list(tmp_path.iterdir()) == []
