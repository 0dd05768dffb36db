"""The command line answers a user's mistake on one line, with status 2."""

import subprocess
import sys

import pytest

from srnet.commands.main import COMMANDS, main


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
