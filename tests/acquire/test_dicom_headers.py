"""Any order, names and folders of a series: the same volume, or a refusal that names a file."""

import copy
import random
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pydicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from srnet.acquire.dicom_headers import Identity, has_dicom, identify
from srnet.acquire.local import only_scan, read_scan
from srnet.core.errors import SrnetError
from srnet.imaging.image import Image
from tests.fixtures.dicom import changed, write_series

COUNT = 14
NAMES = {
    "numbers": lambda number, _: f"{number:04d}.dcm",
    "scanner": lambda number, _: f"IM{number:05d}",
    "upper": lambda number, _: f"CT.{number}.IMA",
    "uid": lambda number, rng: f"1.2.840.{rng.randrange(10**6)}.{number}",
}


def set_tag(**tags):
    def change(data):
        for tag, value in tags.items():
            setattr(data, tag, value)

    return change


def move(**by):
    def change(data):
        data.ImagePositionPatient = [
            float(old) + by.get(axis, 0.0)
            for axis, old in zip("xyz", data.ImagePositionPatient, strict=True)
        ]

    return change


def lose(*tags):
    def change(data):
        for tag in tags:
            delattr(data, tag)

    return change


def lengthen(data):
    data.PixelData = data.PixelData + bytes(88)


CHANGES = {
    "eight bits": set_tag(BitsAllocated=8, BitsStored=8, HighBit=7),
    "inverted": set_tag(PhotometricInterpretation="MONOCHROME1"),
    "half as high": set_tag(Rows=10),
    "no scale": lose("RescaleSlope", "RescaleIntercept"),
    "no position": lose("ImagePositionPatient"),
    "turned": set_tag(ImageOrientationPatient=[0, 1, 0, 1, 0, 0]),
    "shifted": move(x=20.0),
    "between two others": move(z=1.5),
    "another series": set_tag(SeriesInstanceUID="1.2.77"),
    "too many pixels": lengthen,
}
BYTES = {
    "empty": lambda _: b"",
    "a page": lambda _: b"<html>504 Gateway Time-out</html>" * 20,
    "cut header": lambda raw: raw[:400],
    "cut pixels": lambda raw: raw[:-200],
    "one byte short": lambda raw: raw[:-1],
    "another magic": lambda raw: raw[:128] + b"DICN" + raw[132:],
    "no preamble": lambda raw: raw[132:],
}
JITTERS = {
    "spacing": lambda index, data: set_tag(
        PixelSpacing=[f"2.000{index % 2}", f"2.000{index % 2}"]
    )(data),
    "cosines": lambda index, data: set_tag(
        ImageOrientationPatient=["1", f"0.0000{index % 3}", "0", f"-0.0000{index % 3}", "1", "0"]
    )(data),
    "position": lambda index, data: set_tag(
        ImagePositionPatient=["-80.00", f"-90.0{index % 2}", f"{3 * index}.00{index % 2}"]
    )(data),
    "acquisition": lambda index, data: set_tag(AcquisitionNumber=index)(data),
    "series": lambda index, data: set_tag(SeriesInstanceUID=f"1.2.{900 + index}")(data),
}


@pytest.fixture(scope="module")
def series(tmp_path_factory):
    """Return the slices of a small series, foot to head, and the image that they make."""
    array = np.random.default_rng(2).integers(-1000, 1500, (20, 22, COUNT)).astype(np.int16)
    image = Image(array, np.diag([2.0, 2.0, 3.0, 1.0]), (2.0, 2.0, 3.0))
    folder = write_series(
        tmp_path_factory.mktemp("series"), image, StudyInstanceUID="1.2.1", PatientID="P1"
    )
    slices = sorted(
        map(pydicom.dcmread, folder.iterdir()), key=lambda d: d.ImagePositionPatient[2]
    )
    return slices, read_scan([folder])


def lay_out(folder, slices, names, folders, damage, rng):
    """Write the slices in random order, and return their names."""
    order = rng.sample(range(COUNT), COUNT)
    victim = rng.randrange(COUNT)
    written = []
    for number, index in enumerate(order):
        data = slices[index]
        if index == victim and damage in CHANGES:
            CHANGES[damage](data)
        below = folder / f"DIR{number * folders // COUNT:03d}" if folders > 1 else folder
        below.mkdir(exist_ok=True)
        path = below / NAMES[names](number, rng)
        data.save_as(path)
        if index == victim and damage in BYTES:
            path.write_bytes(BYTES[damage](path.read_bytes()))
        written.append(path.name)
    return written


@pytest.mark.slow
def test_a_series_is_read_whole_or_refused_by_name(series, capsys):
    slices, reference = series
    outcomes: Counter[str] = Counter()

    @settings(max_examples=600, suppress_health_check=list(HealthCheck), derandomize=True)
    @given(
        st.sampled_from(sorted(NAMES)),
        st.integers(1, 4),
        st.sampled_from(["none", *JITTERS]),
        st.sampled_from(["none", *CHANGES, *BYTES]),
        st.integers(0, 2**32),
    )
    def check(names, folders, jitter, damage, seed):
        rng = random.Random(seed)
        own = copy.deepcopy(slices)
        for index, data in enumerate(own):
            JITTERS.get(jitter, lambda *_: None)(index, data)
        with TemporaryDirectory() as scratch:
            written = lay_out(Path(scratch), own, names, folders, damage, rng)
            try:
                read = read_scan(only_scan(Path(scratch)))
            except SrnetError as mistake:
                refusal = str(mistake)
            else:
                refusal = ""
        if refusal:
            assert damage not in {"none", "no preamble"}, refusal
            assert any(name in refusal for name in written), refusal
            outcomes[f"{damage}: refused"] += 1
            return
        assert read.array.tobytes() == reference.array.tobytes()
        np.testing.assert_allclose(
            read.affine[:3, :3], reference.affine[:3, :3], atol=2e-4 if jitter != "none" else 0
        )
        outcomes[f"{damage}: the same volume"] += 1

    check()
    lines = [f"{count:4d}  {outcome}" for outcome, count in sorted(outcomes.items())]
    with capsys.disabled():
        print("", *lines, sep="\n")  # noqa: T201 - the counts are what the run is to show
    assert outcomes.total() >= 500
    assert len(outcomes) >= len(CHANGES) + len(BYTES)


@pytest.mark.parametrize("person", ["ANONYMOUS", "anon", "Unknown", "", "0", "N/A", "XXX", "--"])
def test_a_placeholder_is_no_person(tmp_path, series, person):
    slices, _ = series
    slices[0].save_as(tmp_path / "1.dcm")
    named = identify(tmp_path)
    assert len(named.person) == 64
    assert identify(changed(tmp_path, PatientID=person)).person == ""


def test_what_cannot_be_read_has_no_identity(tmp_path):
    assert identify(tmp_path) == Identity("", frozenset())
    (tmp_path / "1.dcm").write_bytes(b"\x02\0\0\0UL\4\0" + bytes(3))
    assert identify(tmp_path) == Identity("", frozenset())
    assert has_dicom(tmp_path)
