"""Checks against the training x-rays: polarity, exchanged views, likeness at all."""

from typing import Literal

from srnet.clinical.film import Film, invert_film
from srnet.clinical.findings import Finding, printed
from srnet.clinical.pixels import Grey
from srnet.clinical.statistics import FAMILIAR, XrayStatistics, polarity, score
from srnet.prepare.geometry import View
from srnet.volume import Grid

__all__ = ["check_likeness", "check_voxel_size", "settle_polarity"]

FOREIGN_SCORE = 2.0
"""Multiple of the training scores' 95th percentile above which an input is plainly unlike."""
UNDECIDED = 0.1
"""Polarity score below which either polarity is possible."""
FOREIGN = 1.25
"""Factor by which voxels may leave the range of the training's."""
EXCHANGED = 0.8
"""Exchanged views must fit this much better before they are suspected."""


def settle_polarity(
    film: Film, statistics: XrayStatistics, invert: Literal["auto", "yes", "no"]
) -> tuple[Film, list[Finding]]:
    """Return the film with bone bright, and what was decided.

    A DICOM file states its polarity, and a DRR of this package needs no
    question; there the test only warns. A picture states nothing, and is
    inverted where the test is clear.
    """
    if invert == "yes":
        return invert_film(film), []
    if film.is_drr or invert == "no":
        return film, []
    found = polarity(film.grey, statistics.of(film.view))
    name = printed(film.view)
    numbers = f"polarity score {found:+.2f} against the training x-rays"
    if found < -UNDECIDED and film.file_format != "DICOM":
        sentence = (
            f"The {name} film had bone dark and was inverted ({numbers}); --invert no undoes it."
        )
        return invert_film(film), [Finding("polarity", "warning", sentence)]
    if found < UNDECIDED:
        sentence = f"The {name} film may have bone dark ({numbers}); if so, give --invert yes."
        return film, [Finding("polarity", "warning", sentence)]
    return film, []


def check_likeness(ap: Grey, lateral: Grey, statistics: XrayStatistics) -> list[Finding]:
    """Return how far the network's input lies from what it was trained on.

    Parameters
    ----------
    ap, lateral
        (S, S) prepared films.
    statistics
        The training x-rays.
    """
    inputs = {View.AP: ap, View.LATERAL: lateral}
    findings = [_likeness(view, grey, statistics) for view, grey in inputs.items()]
    straight = score(ap, statistics.ap) + score(lateral, statistics.lateral)
    exchanged = score(ap, statistics.lateral) + score(lateral, statistics.ap)
    if exchanged < EXCHANGED * straight:
        sentence = (
            f"The films fit the training x-rays better when exchanged (score {exchanged:.1f} "
            f"against {straight:.1f}); make sure that --ap is the frontal one."
        )
        findings.append(Finding("views_swapped", "warning", sentence))
    return findings


def check_voxel_size(grid: Grid, statistics: XrayStatistics) -> list[Finding]:
    """Return a warning for each axis along which voxels are unlike the training's."""
    low_mm, high_mm = statistics.spacing_low_mm, statistics.spacing_high_mm
    odd = [
        f"{found:.2f} mm against {low:.2f} to {high:.2f}"
        for found, low, high in zip(grid.spacing_mm, low_mm, high_mm, strict=True)
        if not low / FOREIGN <= found <= high * FOREIGN
    ]
    if not odd:
        return []
    sentence = (
        f"The boxes give voxels of another size than in training ({'; '.join(odd)}): the model "
        "has seen another stretch of the body; mark boxes of about its extent."
    )
    return [Finding("voxel_size", "warning", sentence)]


def _likeness(view: View, grey: Grey, statistics: XrayStatistics) -> Finding:
    training = statistics.of(view)
    found = score(grey, training)
    numbers = (
        f"score {found:.2f}; of {statistics.samples} training x-rays 95 % score at most "
        f"{training.score_p95:.2f}"
    )
    if found <= FAMILIAR * training.score_p95:
        sentence = f"The {printed(view)} input looks like the training x-rays ({numbers})."
        return Finding("likeness", "note", sentence)
    how = "unlike" if found > FOREIGN_SCORE * training.score_p95 else "somewhat unlike"
    sentence = (
        f"The {printed(view)} input is {how} anything the model was trained on ({numbers}): "
        "expect missing and invented bone."
    )
    return Finding("likeness", "warning", sentence)
