import errno
import json

import numpy as np
import pytest

from srnet.core.errors import ScanRejected, SrnetError
from srnet.core.rejection import is_shortage, raise_if_rejected, read_tombstone, record_rejection
from srnet.imaging.volume import Grid, Volume, read_volume, write_volume
from srnet.imaging.xray import read_xray


def reject(products, stage, reason):
    with record_rejection(products, stage):
        raise ScanRejected(reason)


def test_a_rejection_becomes_a_tombstone_at_every_product(tmp_path):
    products = [tmp_path / "drr" / "ap.png", tmp_path / "drr" / "lateral.png"]
    reject(products, "project_drr", "no bone: give another scan")
    for product in products:
        assert read_tombstone(product) == {
            "rejected": "stage project_drr: no bone: give another scan",
            "stage": "project_drr",
        }


def test_every_reader_raises_the_reason(tmp_path):
    volume, xray = tmp_path / "a.nii.gz", tmp_path / "a.png"
    reject([volume, xray], "acquire", "a.nii: is empty")
    for read, path in ((read_volume, volume), (read_xray, xray)):
        with pytest.raises(ScanRejected, match=r"stage acquire: a\.nii: is empty"):
            read(path)


def test_later_stages_hand_on_the_first_stage(tmp_path):
    first, second = tmp_path / "ct.nii.gz", tmp_path / "bone.nii.gz"
    reject([first], "acquire", "a.nii: is empty")
    with record_rejection([second], "separate_bone"):
        read_volume(first)
    assert read_tombstone(second) == read_tombstone(first)


def test_other_errors_and_success_leave_no_tombstone(tmp_path):
    product = tmp_path / "a.nii.gz"
    with pytest.raises(ZeroDivisionError), record_rejection([product], "acquire"):
        1 / 0  # noqa: B018
    assert not product.exists()
    with record_rejection([product], "acquire"):
        write_volume(
            product, Volume(np.zeros((2, 2, 2), np.int16), Grid((2,) * 3, (1,) * 3, (0,) * 3))
        )
    assert read_tombstone(product) is None
    raise_if_rejected(product)


def test_text_of_any_language_survives(tmp_path):
    reject([tmp_path / "a"], "acquire", 'Müller "CT" 脊柱: leer')
    assert json.loads((tmp_path / "a").read_text(encoding="utf-8"))["rejected"].endswith(
        'Müller "CT" 脊柱: leer'
    )


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES, errno.EIO, errno.ESTALE])
def test_what_the_machine_lacks_is_no_fault_of_a_scan(number):
    assert is_shortage(OSError(number, "no"))
    assert is_shortage(MemoryError())


@pytest.mark.parametrize("failure", [OSError("CRC check failed"), EOFError(), ValueError("cut")])
def test_damage_is_no_shortage(failure):
    assert not is_shortage(failure)


def test_a_tombstone_that_was_cut_is_named(tmp_path):
    path = tmp_path / "volume.nii.gz"
    path.write_text('{"rejected": "stage acq', encoding="utf-8")
    with pytest.raises(SrnetError, match=r"volume\.nii\.gz: tells of a rejected scan, but is cut"):
        read_tombstone(path)
