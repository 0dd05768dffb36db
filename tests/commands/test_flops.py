import pytest

from srnet.commands.main import main


def test_the_published_counts_are_printed(capsys):
    assert main(["flops", "x2ct", "--size", "128"]) == 0
    printed = capsys.readouterr().out
    assert "61.740 M" in printed
    assert "623.345 G" in printed


def test_settings_of_the_network_can_be_changed(capsys):
    assert main(["flops", "srnet3d", "--set", "srct=off", "srte=off", "aspp=false"]) == 0
    assert "623.345 G" in capsys.readouterr().out


def test_methods_come_from_a_configuration(tmp_path, capsys):
    path = tmp_path / "config.yaml"
    path.write_text(
        "methods: {mine: {net: {name: x2ct, views: 1}}}\ntables: {table1: [mine]}\n",
        encoding="utf-8",
    )
    assert main(["flops", "mine", "--config", str(path)]) == 0
    assert "29.384 M" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["srnet3"], "did you mean 'srnet3d'"),
        (["srnet3d", "--set", "srct=none"], "'pyramid', 'deformable' or 'off'"),
        (["srnet3d", "--set", "srct"], "KEY=VALUE"),
        (["x2ct", "--config", "absent.yaml"], "absent.yaml"),
    ],
)
def test_a_mistake_is_one_line(words, says, capsys):
    assert main(["flops", *words]) == 2
    error = capsys.readouterr().err
    assert says in error
    assert error.count("\n") == 1
