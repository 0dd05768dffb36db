"""The command line answers a user's mistake on one line, with status 2."""

import errno
import os
import shutil
import subprocess
import sys

import pytest

from srnet.commands.main import COMMANDS, main
from tests.fixtures.dicom import write_series


def test_a_wrong_configuration_ends_with_status_2(tmp_path, capsys):
    path = tmp_path / "config.yaml"
    path.write_text("sizes: 64\n", encoding="utf-8")
    assert main(["config", "check", str(path)]) == 2
    message = capsys.readouterr().err
    assert str(path) in message
    assert "did you mean 'size'" in message
    assert message.count("\n") == 1


def test_a_valid_configuration_ends_with_status_0(tmp_path, capsys):
    path = tmp_path / "config.yaml"
    path.write_text("size: 32\n", encoding="utf-8")
    assert main(["config", "check", str(path)]) == 0
    assert "valid" in capsys.readouterr().out


def test_a_reader_that_ends_early_is_no_failure_of_ours():
    code = "from srnet.commands.main import main; raise SystemExit(main(['config', 'document']))"
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == b""
    assert process.wait() == 141


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command, capsys):
    with pytest.raises(SystemExit) as stop:
        main([command, "--help"])
    assert stop.value.code == 0
    assert "usage: srnet" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["config", "prepare", "scans"])
def test_commands_that_prepare_do_not_import_torch(command):
    code = (
        "import sys, srnet.commands.main\n"
        f"try: srnet.commands.main.main(['{command}', '--help'])\n"
        "except SystemExit: pass\n"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == 0


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES, errno.ENAMETOOLONG])
def test_a_disk_that_cannot_be_written_is_one_line(tmp_path, capsys, monkeypatch, number):
    def fail(path, *_):
        raise OSError(number, os.strerror(number), str(path))

    monkeypatch.setattr("srnet.commands.x2ct.read_dataset", fail)
    assert main(["x2ct", "export", str(tmp_path / "a.h5"), str(tmp_path / "x")]) == 2
    told = capsys.readouterr().err
    assert told.startswith(f"srnet x2ct: {tmp_path / 'a.h5'}: {os.strerror(number)}; nothing more")
    assert told.count("\n") == 1


def test_a_file_that_is_not_there_is_one_line(tmp_path, capsys):
    assert main(["x2ct", "export", str(tmp_path / "a.h5"), str(tmp_path / "x")]) == 2
    assert f"{tmp_path / 'a.h5'}: No such file or directory" in capsys.readouterr().err


def test_an_error_that_no_disk_makes_keeps_its_traceback(tmp_path, monkeypatch):
    def fail(*_):
        raise OSError("HDF5 is confused")

    monkeypatch.setattr("srnet.commands.x2ct.read_dataset", fail)
    with pytest.raises(OSError, match="confused"):
        main(["x2ct", "export", str(tmp_path / "a.h5"), str(tmp_path / "x")])


def test_the_products_of_a_scan_are_written_all_or_none(tiny_ct, tmp_path, monkeypatch, capsys):
    write_series(tmp_path / "ct", tiny_ct)

    def fail(path, _):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    monkeypatch.setattr("srnet.commands.prepare.write_xray", fail)
    assert main(["prepare", str(tmp_path / "ct"), str(tmp_path / "out"), "--size", "16"]) == 2
    assert "No space left on device" in capsys.readouterr().err
    assert list((tmp_path / "out").iterdir()) == []


def test_the_slices_of_a_series_are_copied_all_or_none(tiny_ct, tmp_path, monkeypatch, capsys):
    write_series(tmp_path / "ct", tiny_ct)
    out, copies, copy = tmp_path / "out", [], shutil.copy2

    def fill(source, target):
        copies.append(target)
        if len(copies) > 20:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(target))
        return copy(source, target)

    monkeypatch.setattr("shutil.copy2", fill)
    assert main(["scans", "split-dicom", str(tmp_path / "ct"), str(out)]) == 2
    assert list(out.iterdir()) == []
    monkeypatch.undo()
    assert main(["scans", "split-dicom", str(tmp_path / "ct"), str(out)]) == 0
    assert len(list((out / "ct-1").iterdir())) == 36
    assert main(["scans", "split-dicom", str(tmp_path / "ct"), str(out)]) == 2
    assert "already exists" in capsys.readouterr().err
