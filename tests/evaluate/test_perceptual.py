from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from srnet.config.evaluate import EvaluateSettings
from srnet.core.errors import SrnetError
from srnet.evaluate.evaluate import evaluate
from srnet.evaluate.perceptual import Perceptual, read_features


@pytest.fixture(scope="module")
def weights(srnet_data: Path) -> Path:
    return srnet_data / "lpips" / "alexnet_features.npz"


@pytest.fixture(scope="module")
def perceptual(weights: Path) -> Perceptual:
    return Perceptual(weights)


def image(path: Path) -> torch.Tensor:
    grey = np.asarray(Image.open(path).convert("RGB"), dtype=np.float32)
    return torch.from_numpy(grey / 127.5 - 1).permute(2, 0, 1)[None]


@pytest.mark.parametrize(("name", "published"), [("ex_p0.png", 0.722), ("ex_p1.png", 0.138)])
def test_the_lpips_authors_distances_come_out(perceptual, weights, name, published):
    pair = (image(weights.parent / "ex_ref.png"), image(weights.parent / name))
    assert perceptual.images(*pair).item() == pytest.approx(published, abs=5e-4)


def test_a_volume_scores_the_mean_over_all_slices_of_three_axes(perceptual, pair):
    target, prediction = pair

    def images(volume, axis):
        stack = torch.from_numpy(np.moveaxis(volume, axis, 0).copy())
        return (2 * stack - 1)[:, None].repeat(1, 3, 1, 1)

    # Identical slices too, which the code under test passes over.
    axes = [perceptual.images(images(target, axis), images(prediction, axis)) for axis in range(3)]
    assert perceptual.volumes(target, prediction) == pytest.approx(
        float(torch.cat(axes).mean()), rel=1e-5
    )


def test_identical_volumes_have_no_distance(perceptual, pair):
    assert perceptual.volumes(pair[0], pair[0]) == 0


def test_values_beyond_the_range_count_as_its_ends(perceptual, pair):
    target, prediction = pair
    beyond = np.where(prediction < 0.01, -1, prediction).astype(np.float32)
    within = np.where(prediction < 0.01, 0, prediction).astype(np.float32)
    assert perceptual.volumes(target, beyond) == perceptual.volumes(target, within)


def test_the_column_is_filled_where_weights_are_given(weights, predict, test_set):
    settings = EvaluateSettings(lpips_weights=str(weights))
    scores = evaluate(predict("half", lambda target: target / 2), test_set, settings)
    assert scores["LPIPS"].between(0.001, 1).all()


def test_torchvisions_own_file_format_is_read(weights, tmp_path):
    with np.load(weights) as arrays:
        state = {name: torch.from_numpy(arrays[name]) for name in arrays.files}
    path = tmp_path / "alexnet.pth"
    torch.save({**state, "classifier.6.bias": torch.zeros(1000)}, path)
    assert set(read_features(path)) == set(state)


def test_random_features_are_refused(tmp_path):
    shapes = {0: (64, 3, 11), 3: (192, 64, 5), 6: (384, 192, 3), 8: (256, 384, 3)}
    generator = np.random.default_rng(0)
    path = tmp_path / "random.npz"
    arrays: dict[str, Any] = {
        f"features.{layer}.weight": generator.random((*shape, shape[-1]), dtype=np.float32)
        for layer, shape in shapes.items()
    }
    np.savez(path, **arrays)
    with pytest.raises(SrnetError, match="not torchvision's AlexNet"):
        Perceptual(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(SrnetError, match=r"there is no file .*nowhere.npz"):
        read_features(tmp_path / "nowhere.npz")


def test_a_pickle_is_not_executed(tmp_path):
    class Trap:
        def __reduce__(self):
            return Path.touch, (tmp_path / "sprung",)

    torch.save({"features.0.weight": Trap()}, tmp_path / "trap.pth")
    with pytest.raises(SrnetError, match="cannot be read as weights"):
        read_features(tmp_path / "trap.pth")
    assert not (tmp_path / "sprung").exists()
