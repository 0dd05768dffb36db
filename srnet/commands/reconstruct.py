"""`srnet reconstruct`: two films, or a table of pairs, to volumes, meshes and pages."""

import argparse
import sys
from pathlib import Path

from srnet.clinical.case import Case, read_cases
from srnet.clinical.reconstruct_films import reconstruct_case_to
from srnet.config.clinical import ClinicalSettings
from srnet.core.errors import SrnetError
from srnet.export.model_folder import open_model

FIELDS = ("ap", "lateral", "ap_box", "lateral_box", "spacing_mm", "invert", "mirror", "force")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    box = {"nargs": 4, "type": int, "metavar": ("X0", "Y0", "X1", "Y1")}
    parser.add_argument("--ap", help="frontal film: DICOM, PNG, JPEG, TIFF or NIfTI")
    parser.add_argument("--lateral", help="lateral film")
    parser.add_argument("--table", help="table of pairs instead, such as config/clinical.tsv")
    parser.add_argument("--model", required=True, help="folder that srnet export wrote")
    parser.add_argument("--out", required=True, help="folder to write")
    parser.add_argument("--ap-box", help="the spine on the frontal film, in pixels", **box)  # type: ignore[arg-type]
    parser.add_argument("--lateral-box", help="the same stretch, lateral", **box)  # type: ignore[arg-type]
    parser.add_argument(
        "--spacing",
        dest="spacing_mm",
        nargs="+",
        type=float,
        metavar="MM",
        help="pixel spacing in the plane of the spine; three numbers: craniocaudal, "
        "anteroposterior, left-right",
    )
    parser.add_argument("--invert", choices=("auto", "yes", "no"), help="exchange black and white")
    parser.add_argument(
        "--mirror", nargs="+", choices=("ap", "lateral"), help="films whose columns run backwards"
    )
    parser.add_argument("--clean", choices=("auto", "yes", "no"), default="auto")
    parser.add_argument("--device", choices=("auto", "cpu", "gpu"), default="auto")
    parser.add_argument(
        "--force", action="store_true", help="go on although a check refuses the films"
    )


def run(arguments: argparse.Namespace) -> int:
    """Reconstruct one pair, or every pair of a table; failures are reported at the end."""
    settings = ClinicalSettings(clean=arguments.clean, device=arguments.device)
    if arguments.table:
        return _run_table(arguments, settings)
    if not (arguments.ap and arguments.lateral):
        raise SrnetError("two films are needed: give --ap and --lateral, or --table")
    given = {name: getattr(arguments, name) for name in FIELDS}
    case = Case.parse({name: value for name, value in given.items() if value is not None})
    result = reconstruct_case_to(arguments.out, case, open_model(arguments.model), settings)
    for finding in result.findings:
        print(f"{finding.severity}: {finding.sentence}")
    agreement = ", ".join(f"{v.value} {c.correlation:.3f}" for v, c in result.consistency.items())
    print(f"correlation of the DRRs of the volume with the films: {agreement}")
    timing = ", ".join(f"{step} {seconds:.1f} s" for step, seconds in result.seconds.items())
    print(f"{arguments.out}: written ({timing})")
    return 0


def _run_table(arguments: argparse.Namespace, settings: ClinicalSettings) -> int:
    from tqdm import tqdm

    cases, model = read_cases(arguments.table), open_model(arguments.model)
    failures: list[str] = []
    done = 0
    for case in tqdm(cases, unit="pair", file=sys.stderr):
        try:
            reconstruct_case_to(Path(arguments.out) / case.case, case, model, settings)
            done += 1
        except SrnetError as mistake:
            failures.append(f"{case.case}: {mistake}")
            if mistake.__cause__:
                failures.append("the pairs after it were not tried")
                break
    print(f"{arguments.out}: {done} of {len(cases)} pairs reconstructed")
    if failures:
        raise SrnetError("; ".join(failures))
    return 0
