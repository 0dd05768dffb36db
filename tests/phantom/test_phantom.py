"""The generated spine agrees with anatomy."""

import numpy as np
import pytest
from scipy import ndimage

from srnet.acquire.acquire import acquire
from srnet.acquire.generated import generate, list_source
from srnet.config.cohort import PhantomSource
from srnet.imaging.volume import canonical
from srnet.phantom.morphometry import LEVELS, measures
from srnet.phantom.person import Person, build_column


@pytest.fixture(scope="module")
def truth(spine):
    """Return HU and labels of the spine in the canonical orientation."""
    return canonical(spine.image), canonical(spine.labels)


def world(grid, index):
    return grid.affine[:3, :3] @ index + grid.affine[:3, 3]


def canal_points(spine):
    """Voxels in the middle of the canal at each vertebra, as canonical indices."""
    volume = canonical(spine.image)
    shift = np.array(spine.scanner.table_origin_mm)
    inverse = np.linalg.inv(volume.grid.affine)
    for vertebra in spine.column.vertebrae:
        size = vertebra.measures
        place = vertebra.frame.at(0, -size.depth / 2 - size.canal_depth / 2, 0) + shift
        yield vertebra.level, tuple(np.rint(inverse @ [*place, 1.0]).astype(int)[:3])


def test_all_24_presacral_vertebrae_and_the_sacrum_are_there(truth):
    _, labels = truth
    found = set(np.unique(labels.array))
    assert set(range(1, 25)) | {26, 30} <= found


def test_vertebrae_follow_each_other_from_head_to_foot(truth):
    _, labels = truth
    heights = [np.argwhere(labels.array == label)[:, 0].mean() for label in range(1, 25)]
    assert np.all(np.diff(heights) > 0)


def test_the_column_is_lordotic_kyphotic_lordotic(truth):
    """Each region lies in front of or behind the line between its ends, as in anatomy."""
    _, labels = truth
    places = np.array(
        [
            world(labels.grid, np.argwhere(labels.array == label).mean(axis=0))
            for label in range(1, 25)
        ]
    )

    def bulge(first, middle, last):
        a, b, c = (places[LEVELS.index(level)] for level in (first, middle, last))
        share = (b[2] - a[2]) / (c[2] - a[2])
        return b[1] - (a[1] + share * (c[1] - a[1]))

    assert bulge("C2", "C5", "T1") > 0
    assert bulge("T1", "T7", "T12") < -5
    assert bulge("T12", "L3", "L5") > 3


def test_the_canal_is_open_at_every_level(spine, truth):
    volume, labels = truth
    for level, index in canal_points(spine):
        assert labels.array[index] == 0, level
        assert volume.array[index] < 150, level


def test_tissues_have_their_hounsfield_units(spine, truth):
    volume, labels = truth
    vertebrae = (labels.array >= 8) & (labels.array <= 24)
    interior = ndimage.binary_erosion(vertebrae)
    assert np.median(volume.array[interior]) == pytest.approx(spine.person.cancellous_hu, rel=0.35)
    # Compact bone, thinned by partial volume in 3 mm voxels.
    assert np.percentile(volume.array[vertebrae], 99) > 450
    body = volume.array[(volume.array > -150) & (labels.array == 0)]
    counts = np.bincount(np.clip(body, -150, 150) + 150, minlength=301)
    smooth = np.convolve(counts, np.ones(15), mode="same")
    assert 35 <= np.argmax(smooth[150:240]) <= 75
    assert -120 <= np.argmax(smooth[:130]) - 150 <= -80
    assert ((volume.array > -950) & (volume.array < -700)).mean() > 0.05
    assert (volume.array <= -950).mean() > 0.05


def test_measures_follow_the_literature():
    """Bodies widen from T4 to L5; the canal is wide in the neck and narrow in the chest."""
    widths = [measures(level).width for level in LEVELS]
    assert np.all(np.diff(widths[10:]) >= 0)
    assert measures("L5").width / measures("T4").width == pytest.approx(49.4 / 24.5, rel=0.1)
    canals = {level: measures(level).canal_width for level in LEVELS}
    assert min(canals, key=lambda level: canals[level]) in {"T4", "T5", "T6", "T7"}


def test_the_drawn_l3_has_the_measures_asked_for(spine, truth):
    """The body's width, by counting voxels across its middle."""
    _, labels = truth
    vertebra = spine.column.vertebrae[LEVELS.index("L3")]
    place = vertebra.frame.centre + np.array(spine.scanner.table_origin_mm)
    index = np.linalg.inv(labels.grid.affine) @ [*place, 1.0]
    down, back = np.rint(index[:2]).astype(int)
    width = (labels.array[down, back] == vertebra.label).sum() * labels.grid.spacing_mm[2]
    waist = vertebra.measures.width * 0.89
    assert width == pytest.approx(waist, abs=1.6 * labels.grid.spacing_mm[2])


def person(**changes):
    healthy = Person(
        female=False,
        size=1.0,
        girth=1.0,
        sacral_slope_deg=39.0,
        lordosis_deg=56.0,
        kyphosis_deg=40.0,
        neck_deg=26.0,
        cobb_deg=0.0,
        apex=15.0,
        reach=6.0,
        fracture=0,
        fracture_loss=0.0,
        cancellous_hu=180.0,
        cortical_hu=1000.0,
        contrast_hu=0.0,
        shape_seed=3,
    )
    return Person(**{**vars(healthy), **changes})


def test_a_healthy_adult_is_of_human_size():
    column = build_column(person())
    length = column.vertebrae[0].frame.centre[2]
    # C1 to S1 measures 55 to 62 cm in men.
    assert 530 < length < 640
    assert np.ptp([v.frame.centre[0] for v in column.vertebrae]) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("cobb", [-30.0, 20.0])
def test_scoliosis_has_the_angle_asked_for_and_turns_bodies_outwards(cobb):
    column = build_column(person(cobb_deg=cobb))
    leans = [
        np.rad2deg(np.arctan2(v.frame.axes[0, 2], v.frame.axes[2, 2])) for v in column.vertebrae
    ]
    assert max(leans) - min(leans) == pytest.approx(abs(cobb), abs=1.0)
    apex = column.vertebrae[15].frame
    outwards = np.sign(apex.centre[0] - (column.vertebrae[3].frame.centre[0]) / 2)
    assert outwards == np.sign(cobb)
    # The body's front points to the convex side, its spinous process away from it.
    assert np.sign(apex.axes[0, 1]) == outwards


def test_a_scan_depends_on_seed_and_index_alone():
    scans = list_source(PhantomSource(count=6, spacing_mm=4.0))
    again = list_source(PhantomSource(count=99, spacing_mm=4.0))
    one, same = generate(scans[2], seed=5), generate(again[2], seed=5)
    assert np.array_equal(one.image.array, same.image.array)
    other = generate(scans[2], seed=6)
    assert one.person != other.person


def test_every_eighth_scan_is_a_second_one_of_a_patient():
    scans = list_source(PhantomSource(count=16, spacing_mm=4.0))
    assert scans[7].patient_id == scans[6].patient_id
    assert len({scan.patient_id for scan in scans}) == 14
    assert generate(scans[7], 1).person == generate(scans[6], 1).person


def test_every_scanner_and_region_passes_the_checks_of_integrity():
    settings = PhantomSource(count=12, spacing_mm=4.0)
    axes = set()
    for scan in list_source(settings):
        volume = acquire(scan, seed=3)
        assert volume.array.dtype == np.int16
        assert volume.array.min() >= -1024
        axes.add(generate(scan, seed=3).scanner.axes)
    assert len(axes) >= 3
