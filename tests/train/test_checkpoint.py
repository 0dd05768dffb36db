"""Model and resume files: nothing lost, nothing but tensors and JSON, wrong files named."""

import subprocess
import sys

import pytest
import torch
from safetensors.torch import save_file

from srnet.core.atomic import is_partial
from srnet.core.errors import SrnetError
from srnet.nets.registry import build_net
from srnet.train.checkpoint import (
    ModelCard,
    load_model,
    load_tensors,
    optimiser_tensors,
    restore_optimiser,
    save_model,
    save_tensors,
)


@pytest.fixture
def card(make_run):
    run = make_run()
    return ModelCard(run.net, run.settings, 32, 1, "code", {"train": "a"}, 2, 541.0)


def test_a_loaded_model_is_the_saved_one(card, tmp_path):
    net = build_net(card.net, card.size)
    save_model(tmp_path / "model.safetensors", net.state_dict(), card)
    loaded = load_model(tmp_path / "model.safetensors")
    assert loaded.card == card
    assert not loaded.net.training
    for old, new in zip(net.state_dict().values(), loaded.net.state_dict().values(), strict=True):
        assert torch.equal(old, new)


def test_same_content_same_bytes(card, tmp_path):
    net = build_net(card.net, card.size)
    for name in ("a", "b"):
        save_model(tmp_path / name, net.state_dict(), card)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize("make", [torch.optim.Adam, lambda p, lr: torch.optim.SGD(p, lr, 0.9)])
def test_an_optimiser_goes_on_where_it_stopped(make, tmp_path):
    def steps(weight, optimiser, count):
        for _ in range(count):
            optimiser.zero_grad()
            (weight**2).sum().backward()
            optimiser.step()

    whole = torch.nn.Parameter(torch.arange(4.0))
    steps(whole, make([whole], 0.1), 5)
    first = torch.nn.Parameter(torch.arange(4.0))
    optimiser = make([first], 0.1)
    steps(first, optimiser, 2)
    save_tensors(tmp_path / "state", optimiser_tensors(optimiser), {})
    second = torch.nn.Parameter(first.detach().clone())
    resumed = make([second], 0.1)
    restore_optimiser(resumed, load_tensors(tmp_path / "state")[0])
    steps(second, resumed, 3)
    assert torch.equal(second, whole)


def test_what_a_kill_leaves_of_a_checkpoint_is_known_as_half_written(tmp_path):
    """The library that writes the tensors has a temporary file of its own."""
    endless = (
        "import sys, torch; from srnet.train.checkpoint import save_tensors\n"
        "while True: save_tensors(sys.argv[1], {'a': torch.zeros(5_000_000)}, {})"
    )
    target = tmp_path / "resume.safetensors"
    left = []
    for _ in range(10):
        writer = subprocess.Popen([sys.executable, "-c", endless, str(target)])
        while not target.exists() or set(tmp_path.iterdir()) == {target}:
            assert writer.poll() is None
        writer.kill()
        writer.wait()
        left = [path for path in tmp_path.iterdir() if path != target]
        if left:
            break
    assert left
    assert all(is_partial(path.name) for path in left)
    assert load_tensors(target)[0]["a"].shape == (5_000_000,)


def test_wrong_files_are_named(card, tmp_path):
    text = tmp_path / "text.safetensors"
    text.write_text("no tensors", encoding="utf-8")
    with pytest.raises(SrnetError, match=r"text\.safetensors: cannot be read"):
        load_model(text)
    with pytest.raises(SrnetError, match="cannot be read"):
        load_model(tmp_path / "missing.safetensors")
    strange = tmp_path / "strange.safetensors"
    save_file({"a": torch.ones(1)}, strange)
    with pytest.raises(SrnetError, match="was not written by this package"):
        load_model(strange)
    save_model(tmp_path / "other", {"a": torch.ones(1)}, card)
    with pytest.raises(SrnetError, match="do not fit the network 'ete'"):
        load_model(tmp_path / "other")
