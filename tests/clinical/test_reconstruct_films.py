"""From films to files: the same volume as the evaluation, and all files or none."""

from pathlib import Path

import numpy as np

from srnet.clinical.reconstruct_films import reconstruct
from srnet.dataset.samples import read_predictions


def test_drrs_give_the_volume_of_the_evaluation(small_run, tmp_path: Path):
    ap, lateral = small_run.films("s7")
    spacing = small_run.spacing_mm("s7")
    result = reconstruct(
        ap, lateral, model=small_run.model, out=tmp_path / "out", spacing_mm=spacing
    )
    import shutil

    shutil.rmtree("/tmp/clinical/out", ignore_errors=True)
    shutil.copytree(tmp_path / "out", "/tmp/clinical/out")
    shutil.rmtree("/tmp/clinical/model", ignore_errors=True)
    shutil.copytree(small_run.model, "/tmp/clinical/model")
    predictions = read_predictions(small_run.results / "predictions" / "x2ct.h5")
    expected = predictions.network_volume(predictions.scans.index("s7"))
    np.testing.assert_array_equal(result.volume.array, expected)
