"""Every metric by its definition, and the table of all metrics."""

import itertools
import math
from pathlib import Path

import numpy as np
import pytest

from srnet.core.errors import SrnetError
from srnet.evaluate.metrics import COLUMNS, METRICS, PAPER
from srnet.evaluate.similarity import cosine, psnr3d

PAGE = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text(encoding="utf-8")
EMPTY = np.zeros((16, 16, 16), dtype=np.float32)


def slab(thickness: int) -> np.ndarray:
    """Return bone that fills the first slices across the left-right axis."""
    volume = EMPTY.copy()
    volume[:, :, :thickness] = 0.5
    return volume


class TestPaperByHand:
    """An 8^3 pair with exact zeros, a negative value and one over 1; worked out on paper."""

    @pytest.fixture
    def scores(self, score):
        target, prediction = np.zeros((2, 8, 8, 8), dtype=np.float32)
        target[0, 0, 0], prediction[0, 0, 0] = 0.4, 0.6
        target[7, 7, 7], prediction[7, 7, 7] = 1.0, 1.7  # clipped to 1: no error
        prediction[3, 4, 5] = -0.5  # clipped to 0: no error
        return score(target, prediction, "paper")

    def test_mae_and_mse_count_all_voxels_in_levels(self, scores):
        assert scores["MAE"] == pytest.approx(500 / 512)
        assert scores["MSE"] == pytest.approx(500**2 / 512)

    def test_psnr_gives_100_db_to_seven_identical_slices_of_eight(self, scores):
        one_slice = 20 * math.log10(4095 / math.sqrt(500**2 / 64))
        assert scores["PSNR"] == pytest.approx((7 * 100 + one_slice) / 8)

    def test_cosine_is_over_the_clipped_volumes(self, scores):
        expected = (0.4 * 0.6 + 1) / math.sqrt((0.4**2 + 1) * (0.6**2 + 1))
        assert scores["CS"] == pytest.approx(expected)

    def test_ssim_sees_the_voxel_in_one_window_of_four_in_one_slice_of_eight(self, scores):
        # A 7x7 window with one voxel v: mean v/49, sample variance v^2/49.
        means = (2 * 0.24 / 49**2 + 1e-4) / (0.52 / 49**2 + 1e-4)
        variances = (2 * 0.24 / 49 + 9e-4) / (0.52 / 49 + 9e-4)
        assert scores["SSIM"] == pytest.approx((31 + means * variances) / 32)


def test_levels_are_truncated_not_rounded(score):
    target, prediction = np.zeros((2, 7, 7, 7), dtype=np.float32)
    prediction[:] = 1499.75 / 2500
    assert score(target, prediction, "paper")["MAE"] == 1499


def test_every_stored_level_survives_the_division_by_2500(score):
    levels = np.arange(2501)
    volume = np.resize(levels / 2500, (14, 14, 14)).astype(np.float32)
    scores = score(np.zeros_like(volume), volume, "paper")
    assert scores["MAE"] == pytest.approx(np.resize(levels, 14**3).mean(), rel=1e-12)


def plain_paper(target: np.ndarray, prediction: np.ndarray) -> dict[str, float]:
    """X2CT's evaluation, window by window and slice by slice, with nothing but means.

    It truncates in single precision and forgives nothing.
    """
    prediction = np.clip(prediction, 0, 1)
    stored = (x.astype(np.float32) * np.float32(2500) for x in (target, prediction))
    a, b = (levels.astype(np.int32).astype(np.float64) for levels in stored)
    decibels, similarity = [], []
    for axis in range(3):
        slices = [
            [np.take(x, i, axis) for i in range(x.shape[axis])] for x in (a, b, target, prediction)
        ]
        for levels, other, x, y in zip(*slices, strict=True):
            mse = np.mean((levels - other) ** 2)
            decibels.append(100 if mse == 0 else 20 * math.log10(4095 / math.sqrt(mse)))
            windows = itertools.product(range(x.shape[0] - 6), range(x.shape[1] - 6))
            corners = [(slice(r, r + 7), slice(c, c + 7)) for r, c in windows]
            similarity.append(np.mean([window_ssim(x[w], y[w]) for w in corners]))
    cosine = np.vdot(target, prediction) / np.linalg.norm(target) / np.linalg.norm(prediction)
    error = np.abs(a - b)
    return {
        "PSNR": np.mean(decibels),
        "SSIM": np.mean(similarity),
        "CS": float(cosine),
        "MAE": error.mean(),
        "MSE": (error**2).mean(),
    }


def window_ssim(x, y):
    covariance = np.cov(x.ravel(), y.ravel())
    means = (2 * x.mean() * y.mean() + 1e-4) / (x.mean() ** 2 + y.mean() ** 2 + 1e-4)
    return means * (2 * covariance[0, 1] + 9e-4) / (np.trace(covariance) + 9e-4)


@pytest.mark.parametrize("seed", range(3))
def test_the_paper_convention_is_the_plain_definition(seed, score):
    generator = np.random.default_rng(seed)
    target = np.round(generator.random((11, 11, 11)) * 2500) / 2500
    target[generator.random(target.shape) < 0.7] = 0
    target[:2] = target[:, :, -2:] = 0
    prediction = target + generator.normal(0, 0.5, target.shape) * (target > 0)
    prediction[:2] = prediction[:, :, -2:] = 0
    assert prediction.min() < 0 < 1 < prediction.max()
    scores = score(target.astype(np.float32), prediction.astype(np.float32), "paper")
    for name, expected in plain_paper(target, prediction).items():
        assert scores[name] == pytest.approx(expected, rel=1e-4), name


DEFINED: dict[str, tuple[np.ndarray, np.ndarray, dict[str, float]]] = {
    # case: (target, prediction, what its scores are by definition)
    "perfect": (
        slab(4),
        slab(4),
        {"PSNR": 100.0, "SSIM": 1, "CS": 1, "MAE": 0, "MSE": 0, "PSNR3D": 100, "Dice": 1}
        | {"MAE_bone": 0, "MAE_outside": 0, "SSIM3D": 1, "HD95_mm": 0, "ASSD_mm": 0}
        | {"SD_1voxel": 1, "SD_2mm": 1},
    ),
    "all zero": (
        slab(4),
        EMPTY,
        {"CS": 0, "MAE": 1250 / 4, "MSE": 1250**2 / 4, "Dice": 0, "MAE_bone": 1250}
        | {"MAE_outside": 0, "HD95_mm": 15 * math.sqrt(3), "ASSD_mm": 15 * math.sqrt(3)}
        | {"SD_1voxel": 0, "SD_2mm": 0, "PSNR3D": 20 * math.log10(4095 / 625)},
    ),
    "constant": (
        slab(4),
        np.full_like(EMPTY, 0.5),
        # All bone has no surface: the border of the array is none.
        {"CS": 0.5, "MAE": 1250 * 0.75, "Dice": 0.4, "MAE_bone": 0, "MAE_outside": 1250}
        | {"HD95_mm": 15 * math.sqrt(3), "SD_1voxel": 0},
    ),
    "empty target": (
        EMPTY,
        slab(4),
        {"CS": 0, "Dice": 0, "MAE_bone": math.nan, "MAE_outside": 312.5, "SD_1mm": 0},
    ),
    "both empty": (
        EMPTY,
        EMPTY,
        {"PSNR": 100, "SSIM": 1, "CS": 1, "MAE": 0, "Dice": 1, "MAE_bone": math.nan}
        | {"HD95_mm": 0, "ASSD_mm": 0, "SD_1voxel": 1, "PSNR3D": 100, "SSIM3D": 1},
    ),
}


@pytest.mark.parametrize("case", DEFINED)
def test_extreme_pairs_have_defined_scores(case, score):
    target, prediction, expected = DEFINED[case]
    scores = score(target, prediction)
    for name, value in expected.items():
        assert scores[name] == pytest.approx(value, rel=1e-6, abs=1e-9, nan_ok=True), name


@pytest.mark.parametrize("case", DEFINED)
def test_no_score_is_undefined_without_a_documented_reason(case, score):
    target, prediction, _ = DEFINED[case]
    scores = score(target, prediction)
    assert not [name for name, value in scores.items() if math.isinf(value)]
    assert all(METRICS[name].undefined for name, value in scores.items() if math.isnan(value))


def test_parallel_surfaces_are_their_distance_apart(score):
    scores = score(slab(4), slab(6), "strict", (1.0, 1.5, 2.5))
    assert scores["HD95_mm"] == scores["ASSD_mm"] == 5.0
    assert (scores["SD_1voxel"], scores["SD_2voxel"]) == (0, 1)
    assert (scores["SD_1mm"], scores["SD_2mm"]) == (0, 0)
    assert scores["Dice"] == pytest.approx(2 * 4 / (4 + 6))


def test_both_peaks_differ_by_their_ratio(pair, score):
    scores = score(*pair, "strict")
    difference = scores["PSNR3D"] - scores["PSNR3D_2500"]
    assert difference == pytest.approx(20 * math.log10(4095 / 2500))


def test_errors_inside_and_outside_bone_add_up_to_the_whole(pair, score):
    target, prediction = pair
    scores, bone = score(target, prediction, "strict"), target > 0.25
    whole = scores["MAE_bone"] * bone.mean() + scores["MAE_outside"] * (1 - bone.mean())
    assert whole == pytest.approx(2500 * np.abs(prediction - target).mean(), rel=1e-4)


def test_one_level_of_background_costs_the_paper_psnr_decibels_and_the_strict_one_nothing(score):
    target = slab(4)
    clean = target * np.float32(0.9)
    hazy = np.where(clean == 0, 1 / 2500, clean).astype(np.float32)
    scores = [score(target, prediction) for prediction in (clean, hazy)]
    # 12 of 16 sagittal slices were identical; now each is one level off.
    lost = (100 - 20 * math.log10(4095)) * 12 / 16 / 3
    assert scores[0]["PSNR"] - scores[1]["PSNR"] == pytest.approx(lost, abs=0.01)
    assert scores[0]["PSNR3D"] == pytest.approx(scores[1]["PSNR3D"], abs=0.01)


def test_swapping_axes_with_the_spacing_changes_no_score(pair, score):
    ahead = score(*pair, spacing_mm=(1.0, 2.0, 3.0))
    turned = [np.moveaxis(volume, 2, 0) for volume in pair]
    assert score(*turned, spacing_mm=(3.0, 1.0, 2.0)) == pytest.approx(ahead, 1e-4)


@pytest.mark.parametrize(
    ("prediction", "message"),
    [
        (np.zeros((8, 8, 9)), r"target has shape \(16, 16, 16\), prediction \(8, 8, 9\)"),
        (np.full((16, 16, 16), np.inf), "4096 voxels that are NaN or infinite"),
    ],
)
def test_what_cannot_be_scored_is_refused(prediction, message, score):
    with pytest.raises(SrnetError, match=message):
        score(EMPTY, prediction, "paper")


def test_volumes_smaller_than_the_window_are_refused(score):
    with pytest.raises(SrnetError, match="every edge must have 7 voxels or more"):
        score(np.zeros((6, 9, 9)), np.zeros((6, 9, 9)), "paper")


def test_the_psnr_and_cosine_of_trainings_are_those_of_the_tables(pair, score):
    scores = score(*pair)
    assert psnr3d(*pair) == scores["PSNR3D"]
    assert cosine(*pair) == scores["CS"]


def test_the_papers_columns_come_first_in_its_order():
    names = [column.name for column in PAPER]
    assert names == ["PSNR", "SSIM", "CS", "MAE", "MSE", "LPIPS", "FLOPs"]
    assert list(METRICS)[: len(names)] == names


def test_every_computed_score_has_a_column_and_the_reverse(pair, score):
    computed = score(*pair)
    assert set(COLUMNS) - set(computed) == {"LPIPS", "Reprojection"}
    assert not set(computed) - set(COLUMNS)


@pytest.mark.parametrize("name", METRICS)
def test_the_page_documents_every_column(name):
    assert f"`{name}`" in PAGE


@pytest.mark.parametrize(
    "column", [column for column in METRICS.values() if column.undefined], ids=lambda c: c.name
)
def test_the_page_gives_the_reason_of_every_empty_cell(column):
    listed = [line for line in PAGE.splitlines() if line.startswith("- `")]
    reasons = [line for line in listed if f"`{column.name}`" in line.partition(":")[0]]
    assert len(reasons) == 1
    assert column.undefined.split(",")[0].split(" (")[0] in reasons[0]
