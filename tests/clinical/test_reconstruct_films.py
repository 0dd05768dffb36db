"""From films to files: the same volume as the evaluation, and all files or none."""

import errno
import json
import os
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK
import trimesh
from PIL import Image

from srnet.clinical import outputs, reconstruction
from srnet.clinical.film import read_film
from srnet.clinical.mesh import bone_mask
from srnet.clinical.reconstruct_films import reconstruct
from srnet.clinical.reconstruction import Reconstruction
from srnet.commands.main import main
from srnet.config.clinical import ClinicalSettings
from srnet.dataset.hdf5 import read_predictions
from srnet.imaging.geometry import View
from srnet.imaging.target import hounsfield
from srnet.imaging.volume import Volume
from srnet.imaging.xray import read_xray
from tests.fixtures.films import write_film

FILES = {"spine.nii.gz", "spine_mm.stl", "spine_mm.ply", "sheet.png", "view.html", "spine.json"}
SECRETS = {
    "PatientName": "QUINCEMBER^JANETTA",  # in no word of the viewer
    "PatientID": "SECRET-4711",
    "PatientBirthDate": "19560229",
    "AccessionNumber": "ACC-0815",
    "InstitutionName": "St Elsewhere",
    "StudyInstanceUID": "1.2.826.0.1.3680043.8.498.4711",
}


@pytest.fixture(scope="module")
def written(small_run, tmp_path_factory) -> tuple[Reconstruction, Path]:
    """Reconstruct a held-out scan from its DRRs, and write everything."""
    ap, lateral = small_run.films("s7")
    out = tmp_path_factory.mktemp("written") / "out"
    spacing = small_run.spacing_mm("s7")
    return reconstruct(ap, lateral, model=small_run.model, out=out, spacing_mm=spacing), out


def test_drrs_give_the_volume_of_the_evaluation(small_run, written):
    predictions = read_predictions(small_run.results / "predictions" / "x2ct.h5")
    # The evaluation scores values in [0, 1] too.
    expected = np.clip(predictions.network_volume(predictions.scans.index("s7")), 0, 1)
    result, out = written
    np.testing.assert_array_equal(result.volume.array, expected)
    stored = np.asarray(nibabel.Nifti1Image.from_filename(out / "spine.nii.gz").dataobj)
    np.testing.assert_array_equal(stored[::-1, ::-1, ::-1].T, hounsfield(expected))
    assert not result.prepared[View.AP].cleaned


def test_every_file_is_there(written):
    assert {path.name for path in written[1].iterdir()} == FILES


def test_nibabel_and_simpleitk_agree_on_the_world(written):
    path = written[1] / "spine.nii.gz"
    ours, theirs = nibabel.Nifti1Image.from_filename(path), SimpleITK.ReadImage(str(path))
    assert nibabel.aff2axcodes(ours.affine) == ("R", "A", "S")
    assert ours.header["qform_code"] > 0
    assert ours.header["sform_code"] > 0
    assert ours.header.get_xyzt_units()[0] == "mm"
    np.testing.assert_allclose(ours.get_qform(), ours.get_sform(), atol=1e-4)
    for index in ((0, 0, 0), (3, 7, 11), (31, 31, 31)):
        lps = theirs.TransformIndexToPhysicalPoint(index)
        ras = ours.affine @ [*index, 1]
        np.testing.assert_allclose(ras[:3] * (-1, -1, 1), lps, atol=1e-4)
        assert theirs[index] == pytest.approx(float(ours.dataobj[index]))


def test_the_mesh_is_as_large_as_the_bone_and_says_lps(written):
    result, out = written
    grid = result.volume.grid
    inside = np.argwhere(bone_mask(result.volume, ClinicalSettings()))
    ends = np.stack([inside.min(axis=0), inside.max(axis=0)])
    corners = (grid.affine @ np.column_stack([ends, [1, 1]]).T).T[:, :3] * (-1, -1, 1)
    expected = np.sort(corners, axis=0)
    for name in ("spine_mm.stl", "spine_mm.ply"):
        bounds = trimesh.load(out / name).bounds
        # The surface lies at most one voxel outside the outermost centres.
        assert (np.abs(bounds - expected) <= max(grid.spacing_mm)).all()
        assert b"SPACE=LPS" in (out / name).read_bytes()[:200]


def test_the_sidecar_tells_what_was_done(small_run, written):
    about = json.loads((written[1] / "spine.json").read_text(encoding="utf-8"))
    assert about["films"]["ap"]["box"] == [0, 0, 32, 32]
    assert about["volume"]["spacing_known"] is True
    assert len(about["model"]["manifest_sha256"]) == 64
    assert about["consistency"]["ap"]["correlation"] > 0.9
    assert "not a measurement" in about["purpose"]


def test_the_same_films_give_the_same_bytes(small_run, written, tmp_path):
    ap, lateral = small_run.films("s7")
    again = tmp_path / "again"
    spacing = small_run.spacing_mm("s7")
    reconstruct(ap, lateral, model=small_run.model, out=again, spacing_mm=spacing)
    for name in FILES:
        assert (again / name).read_bytes() == (written[1] / name).read_bytes(), name


def test_a_dicom_pair_gives_what_the_png_pair_gives_and_no_name_leaks(
    small_run, write_dicom, tmp_path
):
    spacing = small_run.spacing_mm("s7")
    files = []
    for view, path in zip(View, small_run.films("s7"), strict=True):
        grey = np.round(read_xray(path).grey * 4095) / 4095
        levels = np.round(grey * 4095).astype(np.uint16)
        Image.fromarray(levels).save(tmp_path / f"{view.value}.png")
        pitch = [spacing[0] * 949 / 541, spacing[view.columns] * 949 / 541]
        files.append(
            write_dicom(
                f"{view.value}.dcm",
                grey,
                PhotometricInterpretation="MONOCHROME1",
                WindowCenter=2048,
                WindowWidth=4096,
                ImagerPixelSpacing=[round(edge, 10) for edge in pitch],
                DistanceSourceToDetector=949,
                DistanceSourceToPatient=541,
                ViewPosition="AP" if view is View.AP else "RL",
                **SECRETS,
            )
        )
    from_dicom = reconstruct(files[0], files[1], model=small_run.model, out=tmp_path / "out")
    pngs = [tmp_path / "ap.png", tmp_path / "lateral.png"]
    from_png = reconstruct(pngs[0], pngs[1], model=small_run.model, spacing_mm=spacing)
    np.testing.assert_allclose(from_dicom.volume.array, from_png.volume.array, atol=2e-4)
    np.testing.assert_allclose(from_dicom.volume.grid.spacing_mm, spacing, rtol=1e-6)
    secrets = [text for value in SECRETS.values() for text in {value, value.split("^")[0]}]
    for path in (tmp_path / "out").iterdir():
        content = _unpacked(path)
        for secret in (*secrets, str(tmp_path)):
            assert secret.encode() not in content, (path.name, secret)
            assert secret.encode("utf-16-le") not in content, (path.name, secret)


def _unpacked(path: Path) -> bytes:
    import gzip

    raw = path.read_bytes()
    return raw + gzip.decompress(raw) if path.suffix == ".gz" else raw


def _with_photo(films, folder):
    picture = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    Image.fromarray(picture).save(folder / "photo.png")
    return ["--ap", folder / "photo.png", "--lateral", films[1]]


def _with_text(films, folder):
    (folder / "text.png").write_text("not an image", encoding="utf-8")
    return ["--ap", folder / "text.png", "--lateral", films[1]]


def _with_pixel(films, folder):
    Image.fromarray(np.ones((1, 1), np.uint8)).save(folder / "pixel.png")
    return ["--ap", folder / "pixel.png", "--lateral", films[1]]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda films, folder: ["--ap", folder / "none.png", "--lateral", films[1]],
            "no such file",
        ),
        (_with_text, "is no image"),
        (_with_photo, "coloured"),
        (_with_pixel, "1 x 1 pixels"),
        (lambda films, _: ["--ap", films[0], "--lateral", films[0]], "same file; give a frontal"),
        (lambda films, _: ["--ap", films[0]], "two films are needed"),
        (
            lambda films, _: [
                *("--ap", films[0], "--lateral", films[1]),
                *("--ap-box", 0, 0, 99, 99),
            ],
            "leaves the film",
        ),
    ],
)
def test_a_mistake_costs_one_line_and_leaves_nothing(small_run, tmp_path, capsys, make, message):
    arguments = [str(a) for a in make(small_run.films("s7"), tmp_path)]
    before = sorted(tmp_path.iterdir())
    out = tmp_path / "deep" / "out"
    code = main(["reconstruct", *arguments, "--model", str(small_run.model), "--out", str(out)])
    error = capsys.readouterr().err
    assert code == 2
    assert message in error
    assert error.count("\n") == 1
    assert sorted(set(tmp_path.iterdir()) - set(before)) in ([], [Path(a) for a in arguments[1:2]])
    assert not out.exists()


FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize(
    "failure",
    [
        FULL,
        OSError(errno.EROFS, os.strerror(errno.EROFS)),
        OSError("without a number"),
        MemoryError(),
    ],
    ids=repr,
)
def test_what_fails_while_files_are_written_costs_one_line_and_leaves_nothing(
    small_run, tmp_path, monkeypatch, capsys, failure
):
    monkeypatch.setattr(outputs, "viewer_html", _raising(failure))
    ap, lateral = map(str, small_run.films("s7"))
    arguments = ["--ap", ap, "--lateral", lateral, "--model", str(small_run.model)]
    assert main(["reconstruct", *arguments, "--out", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert f"{tmp_path / 'out'}: cannot be written" in error
    assert error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def _raising(failure):
    def fail(*_, **__):
        raise failure

    return fail


@pytest.mark.parametrize(
    "make",
    [
        lambda _: "/proc/spine",
        lambda folder: folder / ("n" * 300),
        lambda folder: folder / "a\0b",
        lambda folder: _file(folder) / "below",
    ],
    ids=["not writable", "300 bytes", "NUL", "below a file"],
)
def test_a_folder_that_cannot_be_made_is_named(small_run, tmp_path, capsys, make):
    ap, lateral = map(str, small_run.films("s7"))
    out = make(tmp_path)
    arguments = ["--ap", ap, "--lateral", lateral, "--model", str(small_run.model)]
    assert main(["reconstruct", *arguments, "--out", str(out)]) == 2
    error = capsys.readouterr().err
    assert f"{out}: cannot be written" in error
    assert error.count("\n") == 1


def _file(folder):
    (folder / "file").write_text("mine", encoding="utf-8")
    return folder / "file"


@pytest.fixture
def table(small_run, tmp_path):
    """Write a table of two good pairs."""
    ap, lateral = (os.path.relpath(film, tmp_path) for film in small_run.films("s7"))
    rows = "".join(f"{name}\t{ap}\t{lateral}\n" for name in ("first", "second"))
    (tmp_path / "films.tsv").write_text(f"case\tap\tlateral\n{rows}", encoding="utf-8")
    return tmp_path / "films.tsv"


@pytest.mark.parametrize(
    "failure",
    [ValueError("DOE^JANE is no number"), PermissionError(errno.EACCES, "Permission denied")],
    ids=repr,
)
def test_a_table_goes_on_past_any_error_of_a_pair_and_does_not_quote_it(
    small_run, table, tmp_path, monkeypatch, capsys, failure
):
    calls = []

    def read_first_badly(*arguments):
        calls.append(arguments)
        if len(calls) == 1:
            raise failure
        return read_film(*arguments)

    monkeypatch.setattr(reconstruction, "read_film", read_first_badly)
    arguments = ["--table", str(table), "--model", str(small_run.model)]
    assert main(["reconstruct", *arguments, "--out", str(tmp_path / "out")]) == 2
    said = capsys.readouterr()
    assert "1 of 2 pairs reconstructed" in said.out
    assert "first: " in said.err
    assert "DOE" not in said.err
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["second"]


def test_a_table_ends_where_the_disk_is_full(small_run, table, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(outputs, "viewer_html", _raising(FULL))
    arguments = ["--table", str(table), "--model", str(small_run.model)]
    assert main(["reconstruct", *arguments, "--out", str(tmp_path / "out")]) == 2
    said = capsys.readouterr()
    assert "0 of 2 pairs reconstructed" in said.out
    assert "first: " in said.err
    assert "No space left on device" in said.err
    assert "not tried" in said.err
    assert list((tmp_path / "out").iterdir()) == []


def test_an_existing_folder_is_never_overwritten(small_run, tmp_path, capsys):
    ap, lateral = small_run.films("s7")
    (tmp_path / "mine").write_text("keep", encoding="utf-8")
    arguments = ["--ap", str(ap), "--lateral", str(lateral), "--model", str(small_run.model)]
    assert main(["reconstruct", *arguments, "--out", str(tmp_path)]) == 2
    assert "already exists" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_a_table_goes_on_past_a_bad_pair(small_run, tmp_path, capsys):
    ap, lateral = (os.path.relpath(film, tmp_path) for film in small_run.films("s7"))
    table = tmp_path / "films.tsv"
    table.write_text(
        f"case\tap\tlateral\ngood\t{ap}\t{lateral}\nbad\t{ap}\tmissing.png\n", encoding="utf-8"
    )
    arguments = ["--table", str(table), "--model", str(small_run.model)]
    assert main(["reconstruct", *arguments, "--out", str(tmp_path / "out")]) == 2
    said = capsys.readouterr()
    assert "1 of 2 pairs reconstructed" in said.out
    assert "bad: " in said.err
    assert {path.name for path in (tmp_path / "out" / "good").iterdir()} == FILES


def test_a_forced_pair_of_equal_films_is_marked(small_run):
    ap, _ = small_run.films("s7")
    result = reconstruct(ap, ap, model=small_run.model, force=True)
    first = result.findings[0]
    assert (first.check, first.severity) == ("same_film", "warning")
    assert first.sentence.endswith("Forced.")


def test_a_box_on_a_larger_film_gives_the_same_as_the_crop(small_run, tmp_path):
    films = []
    for view, path in zip(View, small_run.films("s7"), strict=True):
        levels = np.asarray(Image.open(path))
        surrounded = np.pad(levels, ((10, 3), (5, 9)))
        films.append(tmp_path / f"{view.value}.png")
        Image.fromarray(surrounded).save(films[-1])
        Image.fromarray(levels).save(tmp_path / f"{view.value}-cropped.png")
    box = (5, 10, 37, 42)
    boxed = reconstruct(films[0], films[1], model=small_run.model, ap_box=box, lateral_box=box)
    cropped = [tmp_path / "ap-cropped.png", tmp_path / "lateral-cropped.png"]
    whole = reconstruct(cropped[0], cropped[1], model=small_run.model)
    np.testing.assert_array_equal(boxed.volume.array, whole.volume.array)
    assert not boxed.scale.spacing_known
    assert isinstance(boxed.volume, Volume)


def test_a_stated_aspect_of_pixels_gives_the_right_proportions(small_run, tmp_path):
    """Every row stored twice, and pixels stated to be twice as wide as high."""
    films: dict[str, list[Path]] = {"plain": [], "dense": []}
    for view, path in zip(View, small_run.films("s7"), strict=True):
        levels = np.round(read_xray(path).grey * 4095).astype(np.uint16)
        dense = np.repeat(levels, 2, axis=0)
        films["plain"].append(write_film(tmp_path / f"{view.value}.dcm", levels))
        path = tmp_path / f"{view.value}-dense.dcm"
        films["dense"].append(write_film(path, dense, PixelAspectRatio=[1, 2]))
    results = [reconstruct(ap, lateral, model=small_run.model) for ap, lateral in films.values()]
    plain, dotted = (result.scale.grid.spacing_mm for result in results)
    np.testing.assert_allclose(plain, dotted)


def test_a_lying_film_gives_what_the_upright_film_gives(small_run, tmp_path):
    spacing = small_run.spacing_mm("s7")
    upright, lying = [], []
    for view, path in zip(View, small_run.films("s7"), strict=True):
        levels = np.round(read_xray(path).grey * 4095).astype(np.uint16)
        upright.append(write_film(tmp_path / f"{view.value}.dcm", levels))
        turned = np.ascontiguousarray(levels[::-1].T)
        towards = ["H", "L" if view is View.AP else "P"]
        path = tmp_path / f"{view.value}-lying.dcm"
        lying.append(write_film(path, turned, PatientOrientation=towards))
    straight = reconstruct(
        upright[0], upright[1], small_run.model, spacing_mm=spacing, ap_box=(2, 3, 30, 31)
    )
    boxed = (1, 2, 29, 30)  # the same on the turned film, whose columns run from foot to head
    turned_back = reconstruct(
        lying[0], lying[1], small_run.model, spacing_mm=spacing, ap_box=boxed
    )
    np.testing.assert_array_equal(straight.volume.array, turned_back.volume.array)
