import json
import re
from pathlib import Path

import nibabel
import numpy as np
import pytest

from srnet.commands.main import main
from srnet.core.errors import SrnetError
from srnet.evaluate.metrics import METRICS
from srnet.evaluate.score_files import score_files
from srnet.imaging.target import TARGET_MAX
from srnet.imaging.volume import Grid, Volume, write_volume

SPACING_MM = (4.0, 3.0, 2.5)


@pytest.fixture
def arrays(pair, tmp_path) -> tuple[Path, Path]:
    for name, volume in zip(("target", "prediction"), pair, strict=True):
        np.save(tmp_path / f"{name}.npy", volume)
    return tmp_path / "target.npy", tmp_path / "prediction.npy"


@pytest.fixture
def images(pair, tmp_path) -> tuple[Path, Path]:
    grid = Grid(pair[0].shape, SPACING_MM, (10.0, 20.0, 30.0))
    for name, volume in zip(("target", "prediction"), pair, strict=True):
        write_volume(tmp_path / f"{name}.nii.gz", Volume(volume * np.float32(TARGET_MAX), grid))
    return tmp_path / "target.nii.gz", tmp_path / "prediction.nii.gz"


def test_arrays_score_as_their_values_do(arrays, pair, score):
    assert score_files(*arrays) == score(*pair)


def test_images_bring_their_spacing(images, pair, score):
    scores = score_files(images[0], images[1], convention="strict")
    assert scores == pytest.approx(score(*pair, "strict", SPACING_MM), rel=1e-5)


def test_the_orientation_of_a_file_changes_no_score(images, tmp_path):
    image = nibabel.Nifti1Image.from_filename(images[1])
    turned = image.as_reoriented(np.array([[1, -1], [2, 1], [0, -1]]))
    nibabel.save(turned, tmp_path / "turned.nii")
    assert score_files(images[0], tmp_path / "turned.nii") == score_files(*images)


def test_the_command_prints_json_with_the_columns_as_keys(arrays, pair, score, capsys):
    assert main(["metrics", *map(str, arrays), "--convention", "paper", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert list(printed) == ["PSNR", "SSIM", "CS", "MAE", "MSE"]
    assert printed == pytest.approx(score(*pair, "paper"))


def test_undefined_scores_are_null_in_json_and_explained_in_text(tmp_path, capsys):
    np.save(tmp_path / "empty.npy", np.zeros((16, 16, 16)))
    arguments = ["metrics", str(tmp_path / "empty.npy"), str(tmp_path / "empty.npy")]
    assert main([*arguments, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["MAE_bone"] is None
    assert main(arguments) == 0
    assert f"undefined: {METRICS['MAE_bone'].undefined}" in capsys.readouterr().out


def test_lpips_comes_with_its_weights_only(arrays, srnet_data, capsys):
    weights = str(srnet_data / "lpips" / "alexnet_features.npz")
    assert main(["metrics", *map(str, arrays), "--json", "--lpips-weights", weights]) == 0
    assert 0 < json.loads(capsys.readouterr().out)["LPIPS"] < 1


def test_a_mistake_is_one_line_and_status_2(arrays, tmp_path, capsys):
    assert main(["metrics", str(arrays[0]), str(tmp_path / "nowhere.npy")]) == 2
    assert "there is no file" in capsys.readouterr().err


def test_hounsfield_units_are_refused_as_target(tmp_path, pair):
    grid = Grid(pair[0].shape, SPACING_MM, (0.0, 0.0, 0.0))
    write_volume(tmp_path / "hu.nii.gz", Volume(np.full(pair[0].shape, -1000, np.int16), grid))
    with pytest.raises(SrnetError, match=r"run from -0.4 to -0.4 instead of 0 to 1"):
        score_files(tmp_path / "hu.nii.gz", tmp_path / "hu.nii.gz")


@pytest.mark.parametrize(
    "scale", [lambda x: x * 255, lambda x: x * TARGET_MAX, lambda x: x * TARGET_MAX - 1024]
)
def test_predictions_on_another_scale_are_refused(arrays, pair, tmp_path, scale):
    np.save(tmp_path / "scaled.npy", scale(pair[1]))
    with pytest.raises(SrnetError, match=r"scaled\.npy: network values run from .* instead of"):
        score_files(arrays[0], tmp_path / "scaled.npy")


def test_a_network_may_leave_the_range_of_the_truth(arrays, pair, tmp_path):
    np.save(tmp_path / "wild.npy", pair[1] * 1.7 - 0.1)
    assert score_files(arrays[0], tmp_path / "wild.npy")["CS"] > 0


def test_images_of_network_values_are_refused(pair, images, tmp_path):
    grid = Grid(pair[0].shape, SPACING_MM, (10.0, 20.0, 30.0))
    write_volume(tmp_path / "small.nii.gz", Volume(pair[1], grid))
    with pytest.raises(SrnetError, match=r"small\.nii\.gz: its greatest value is .* multiply by"):
        score_files(images[0], tmp_path / "small.nii.gz")


def test_images_that_lie_apart_are_refused(pair, images, tmp_path):
    grid = Grid(pair[0].shape, SPACING_MM, (10.0, 20.0, 230.0))
    write_volume(tmp_path / "moved.nii.gz", Volume(pair[1] * np.float32(TARGET_MAX), grid))
    with pytest.raises(SrnetError, match=r"lie apart: .* from \(10, 20, 30\) mm, .* 230\) mm"):
        score_files(images[0], tmp_path / "moved.nii.gz")


@pytest.mark.parametrize("spacing", [(0.0, 1.0, 1.0), (-1.0, 1.0, 1.0), (1.0, 1.0, np.nan)])
def test_a_voxel_without_a_size_is_refused(arrays, spacing):
    with pytest.raises(SrnetError, match="give three positive lengths"):
        score_files(arrays[0], arrays[1], spacing_mm=spacing)


def test_images_take_no_other_voxel_size(images):
    with pytest.raises(SrnetError, match="leave out --spacing-mm"):
        score_files(images[0], images[1], spacing_mm=(1.0, 1.0, 1.0))


def test_an_array_against_an_image_is_refused(arrays, images):
    with pytest.raises(SrnetError, match="has no orientation"):
        score_files(arrays[0], images[1])


def test_images_of_other_voxels_are_refused(images, pair, tmp_path):
    grid = Grid(pair[0].shape, (4.0, 3.0, 3.0), (0.0, 0.0, 0.0))
    write_volume(tmp_path / "other.nii.gz", Volume(pair[1] * np.float32(TARGET_MAX), grid))
    with pytest.raises(SrnetError, match="resample one onto the other's grid"):
        score_files(images[0], tmp_path / "other.nii.gz")


def test_a_pickled_array_is_not_loaded(tmp_path, arrays):
    np.save(tmp_path / "objects.npy", np.array([[[object()]]]), allow_pickle=True)
    with pytest.raises(SrnetError, match="cannot be read as an array"):
        score_files(arrays[0], tmp_path / "objects.npy")


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((0, 4, 4)), r"has shape \(0, 4, 4\)"),
        (np.zeros(0), r"has shape \(0,\)"),
        (np.full((2, 2, 2), np.nan), "no numbers"),
        (np.full((2, 2, 2), "bone"), "type <U4"),
    ],
)
def test_arrays_that_hold_no_volume_are_refused(tmp_path, arrays, capsys, array, message):
    np.save(tmp_path / "odd.npy", array)
    for pair in ((tmp_path / "odd.npy", arrays[1]), (arrays[0], tmp_path / "odd.npy")):
        assert main(["metrics", *map(str, pair)]) == 2
        error = capsys.readouterr().err
        assert re.search(message, error)
        assert error.count("\n") == 1


@pytest.mark.parametrize(
    "damage",
    [
        lambda _: b"",
        lambda whole: whole[:40],
        lambda whole: whole[:-1],
        lambda whole: whole + b"\0",
        lambda whole: re.sub(rb"\(\d+, ", b"(99999999999, ", whole),
        lambda whole: whole.replace(b"'shape'", b"'(((('"),
        lambda whole: whole[:10] + b"\xff" * 40 + whole[50:],
    ],
)
def test_damaged_arrays_are_refused(tmp_path, arrays, damage):
    (tmp_path / "odd.npy").write_bytes(damage(Path(arrays[0]).read_bytes()))
    with pytest.raises(
        SrnetError, match=r"odd\.npy: (cannot be read as an array|holds \d+ bytes)"
    ):
        score_files(tmp_path / "odd.npy", arrays[1])
