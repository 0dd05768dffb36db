"""Checks of two films before and after they are prepared; each reports in a sentence.

The checks in `CHECKS` need only the films: each takes a `FilmPair` and yields its findings.
The others compare polarity, appearance and voxel size with the training x-rays.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from srnet.clinical.film import Box, Film, crop, invert_film
from srnet.clinical.findings import Finding, Severity, by_severity, printed
from srnet.export.xray_statistics import FAMILIAR, XrayStatistics, polarity, score
from srnet.imaging.geometry import View
from srnet.imaging.volume import Grid
from srnet.imaging.xray import Grey, resize, shrink

IDENTICAL = 0.995
"""Correlation of two boxed films above which they are the same picture."""
UNEQUAL_EXTENTS = 1.05
DIFFERENT_EXTENTS = 1.25
"""Ratios of craniocaudal extents above which there is a warning, or a refusal."""
PLAUSIBLE_EXTENT_MM = (40.0, 1300.0)
"""Plausible heights of a box: two vertebrae to a whole body."""
LETTERS_SEEN = 1000
"""Pixels along the longer edge to which a film is shrunk, at least, to look for letters."""
LIT_EDGE = 0.45
"""Share of the centre's grey that a side edge reaches only if anatomy runs into it."""
FOREIGN_SCORE = 2.0
"""Multiple of the training scores' 95th percentile above which an input is plainly unlike."""
UNDECIDED = 0.1
"""Absolute polarity score below which neither polarity is certain."""
FOREIGN = 1.25
"""Factor by which voxels may leave the range of sizes in training."""
EXCHANGED = 0.8
"""Share of the score of the views as given below which exchanged views are suspected."""


@dataclass(frozen=True)
class FilmPair:
    """Two films and the boxes marked on them."""

    ap: Film
    lateral: Film
    ap_box: Box
    lateral_box: Box

    @property
    def films(self) -> tuple[tuple[Film, Box], tuple[Film, Box]]:
        """Return AP and lateral film, each with its box."""
        return (self.ap, self.ap_box), (self.lateral, self.lateral_box)


def check_pair(pair: FilmPair) -> list[Finding]:
    """Return what the readers and all of `CHECKS` have to say, most severe first."""
    findings = [*pair.ap.findings, *pair.lateral.findings]
    findings += [finding for check in CHECKS for finding in check(pair)]
    return by_severity(findings)


def settle_polarity(
    film: Film, statistics: XrayStatistics, invert: Literal["auto", "yes", "no"]
) -> tuple[Film, list[Finding]]:
    """Return the film with bone bright, and what was decided.

    With `invert` "auto", a picture is inverted where a comparison with the training x-rays is
    clear. A DICOM file states its polarity, so that the comparison only warns. A DRR of this
    package stays as it is.
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
    """Return how far two prepared films, (S, S), lie from the training x-rays."""
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


def check_voxel_size(grid: Grid, statistics: XrayStatistics) -> list[Finding]:
    """Return a warning if voxels are of another size than in training along any axis."""
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
        "was trained on another extent of the body; mark boxes of the extent that its card states."
    )
    return [Finding("voxel_size", "warning", sentence)]


def _same_film(pair: FilmPair) -> Iterator[Finding]:
    cure = "give a frontal and a lateral view of the patient."
    if pair.ap.sha256 == pair.lateral.sha256:
        yield Finding("same_film", "refusal", f"The two films are the same file; {cure}")
    elif _correlation(*(crop(film, box) for film, box in pair.films)) > IDENTICAL:
        yield Finding("same_film", "refusal", f"The two films show the same picture; {cure}")


def _same_patient(pair: FilmPair) -> Iterator[Finding]:
    ap, lateral = pair.ap, pair.lateral
    if not (ap.patient_key and lateral.patient_key):
        sentence = "The files do not tell whether both films are of one patient; make sure."
        yield Finding("patient", "note", sentence)
    elif ap.patient_key != lateral.patient_key:
        sentence = "The two films are of different patients; give two films of one."
        yield Finding("patient", "refusal", sentence)
    elif ap.study_key != lateral.study_key:
        sentence = (
            "The two films are of different studies: posture and spine may have changed "
            "in between; prefer films of one examination."
        )
        yield Finding("study", "warning", sentence)


def _views_swapped(pair: FilmPair) -> Iterator[Finding]:
    frontal, sideways = {"AP", "PA"}, {"LL", "RL", "lateral"}
    wrong = [
        f"the film given as {printed(film.view)} says that it is {film.claimed_view}"
        for film, others in ((pair.ap, sideways), (pair.lateral, frontal))
        if film.claimed_view in others
    ]
    if wrong:
        sentence = f"Views exchanged: {' and '.join(wrong)}; exchange --ap and --lateral."
        yield Finding("views_swapped", "refusal", sentence)


def _opposite_projection(pair: FilmPair) -> Iterator[Finding]:
    sides = {
        "PA": ("behind the patient", "in front"),
        "LL": ("at the patient's right", "at the patient's left"),
    }
    for film, _ in pair.films:
        if film.claimed_view in sides:
            found, trained = sides[film.claimed_view]
            sentence = (
                f"The film given as {printed(film.view)} was taken {film.claimed_view}, with the "
                f"tube {found}; for the training x-rays the tube was {trained}: near and far "
                "structures are magnified the other way round."
            )
            yield Finding("projection", "warning", sentence)


def _spacing(pair: FilmPair) -> Iterator[Finding]:
    unknown = [printed(film.view) for film, _ in pair.films if film.spacing_mm is None]
    if len(unknown) == 2:
        sentence = (
            "The pixel spacing is unknown: the result has the right proportions if the boxes "
            "show the same height of the body, but no true size; give --spacing in mm."
        )
        yield Finding("spacing", "warning", sentence)
    elif unknown:
        sentence = (
            f"The pixel spacing of the {unknown[0]} film is unknown: its box is taken to show "
            "the same height of the body as the other."
        )
        yield Finding("spacing", "warning", sentence)


def _extent_plausible(pair: FilmPair) -> Iterator[Finding]:
    low, high = PLAUSIBLE_EXTENT_MM
    for film, box in pair.films:
        height = _height_mm(film, box)
        if height is not None and not low <= height <= high:
            sentence = (
                f"The {printed(film.view)} box is {height:.0f} mm high, and a piece of spine is "
                f"{low:.0f} to {high:.0f} mm high; check the pixel spacing and the box."
            )
            yield Finding("extent", "warning", sentence)


def _extents_match(pair: FilmPair) -> Iterator[Finding]:
    ap, lateral = (_height_mm(film, box) for film, box in pair.films)
    if ap is None or lateral is None:
        return
    ratio = max(ap / lateral, lateral / ap)
    if ratio > UNEQUAL_EXTENTS:
        sentence = (
            f"The AP box is {ap:.0f} mm high and the lateral box {lateral:.0f} mm; both must show "
            "the same height of the body: mark both from the same vertebra to the same vertebra."
        )
        severity: Severity = "refusal" if ratio > DIFFERENT_EXTENTS else "warning"
        yield Finding("extents_match", severity, sentence)


def _already_cropped(pair: FilmPair) -> Iterator[Finding]:
    for film, _ in pair.films:
        if not film.is_drr and _runs_into_sides(film.grey):
            sentence = (
                f"Anatomy runs into both sides of the {printed(film.view)} film, which seems to "
                "have been cropped already; make sure that no part of the spine was lost."
            )
            yield Finding("already_cropped", "note", sentence)


def _whole_film(pair: FilmPair) -> Iterator[Finding]:
    for film, box in pair.films:
        if not box.given and not film.is_drr:
            sentence = (
                f"No box is marked on the {printed(film.view)} film: the whole of it is used; "
                f"mark the spine with --{film.view.value}-box x0 y0 x1 y1."
            )
            yield Finding("box", "note", sentence)


def _burnt_in_text(pair: FilmPair) -> Iterator[Finding]:
    for film, box in pair.films:
        if not film.is_drr and (count := _letters(crop(film, box))):
            sentence = (
                f"The {printed(film.view)} box seems to hold letters or a marker ({count} bright "
                "pieces with sharp edges), which are reconstructed as bone; mark a box without "
                "them."
            )
            yield Finding("burnt_in_text", "warning", sentence)


CHECKS: tuple[Callable[[FilmPair], Iterator[Finding]], ...] = (
    _same_film,
    _same_patient,
    _views_swapped,
    _opposite_projection,
    _spacing,
    _extent_plausible,
    _extents_match,
    _already_cropped,
    _whole_film,
    _burnt_in_text,
)


def _height_mm(film: Film, box: Box) -> float | None:
    return None if film.spacing_mm is None else box.height * film.spacing_mm[0]


def _correlation(first: Grey, second: Grey) -> float:
    """Return the correlation of two pictures, both brought to 64 x 64 pixels."""
    ours, theirs = (resize(grey, (64, 64)).ravel() for grey in (first, second))
    if ours.std() == 0 or theirs.std() == 0:
        return 0.0
    return float(np.corrcoef(ours, theirs)[0, 1])


def _runs_into_sides(grey: Grey) -> bool:
    """Tell whether both side edges are about as bright as the middle."""
    columns = grey.shape[1]
    margin = max(1, columns // 50)
    middle = float(np.median(grey[:, 2 * columns // 5 : 3 * columns // 5]))
    sides = (np.median(grey[:, :margin]), np.median(grey[:, -margin:]))
    return min(float(side) for side in sides) > LIT_EDGE * middle


def _letters(grey: Grey) -> int:
    """Return how many small pieces are as bright as the film can be and have sharp edges.

    The grey of anatomy changes gradually; lead markers and computed letters end abruptly.
    """
    from scipy.ndimage import grey_dilation, grey_erosion, label

    grey = shrink(grey, max(grey.shape) // LETTERS_SEEN)
    top = float(grey.max())
    white = grey >= 0.97 * top
    contrast = grey_dilation(grey, size=5) - grey_erosion(grey, size=5)
    pieces, count = label(white)
    if count == 0:
        return 0
    areas = np.bincount(pieces.ravel())[1:]
    rim = white & (grey_erosion(white.astype(np.uint8), size=3) == 0)
    sharp = np.bincount(pieces[rim & (contrast > 0.4 * top)], minlength=count + 1)[1:]
    edge = np.bincount(pieces[rim], minlength=count + 1)[1:]
    smallest, largest = 12, 0.01 * grey.size
    return int(np.sum((areas >= smallest) & (areas <= largest) & (sharp > 0.7 * edge)))
