"""Who is generated: sex, size, posture, density and disease, drawn from a seed."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Person:
    """Everything about a generated patient that scans of it share.

    Attributes
    ----------
    female
        Sex; women are about 8 % smaller in every measure.
    size
        Factor on all bone measures.
    girth
        Factor on the body outline and the fat.
    sacral_slope_deg, lordosis_deg, kyphosis_deg, neck_deg
        Sagittal posture: slope of S1, L1-S1, T1-T12, C2-C7.
    cobb_deg, apex, reach
        Scoliosis: signed Cobb angle, level index of the apex, levels to each end.
    fracture, fracture_loss
        Label of a compressed vertebra or 0, and the share of anterior height lost.
    cancellous_hu, cortical_hu
        Density of vertebral interior and of compact bone.
    contrast_hu
        Enhancement of the aorta, 0 without contrast medium.
    shape_seed
        Seed of the small individual differences between vertebrae.
    """

    female: bool
    size: float
    girth: float
    sacral_slope_deg: float
    lordosis_deg: float
    kyphosis_deg: float
    neck_deg: float
    cobb_deg: float
    apex: float
    reach: float
    fracture: int
    fracture_loss: float
    cancellous_hu: float
    cortical_hu: float
    contrast_hu: float
    shape_seed: int


def draw_person(rng: np.random.Generator) -> Person:
    """Draw a patient from an adult population in which disease is common."""
    female = bool(rng.random() < 0.5)
    old = rng.random()
    slope = float(np.clip(rng.normal(39, 6), 24, 54))
    scoliotic = rng.random() < 0.25
    cobb = rng.uniform(12, 38) if scoliotic else rng.uniform(0, 6)
    fractured = rng.random() < 0.15 + 0.2 * old
    # Thoracolumbar junction and mid thorax are where vertebrae give way.
    fracture = int(rng.choice([14, 15, 18, 19, 20, 21, 22])) if fractured else 0
    return Person(
        female=female,
        size=float(np.clip(rng.normal(0.95 if female else 1.03, 0.035), 0.86, 1.12)),
        girth=float(np.clip(rng.normal(1.0, 0.1), 0.82, 1.25)),
        sacral_slope_deg=slope,
        lordosis_deg=slope + float(np.clip(rng.normal(17, 4), 8, 26)),
        kyphosis_deg=float(np.clip(rng.normal(38 + 10 * old, 6), 24, 60)),
        neck_deg=float(np.clip(rng.normal(26, 7), 8, 42)),
        cobb_deg=float(cobb * rng.choice([-1, 1])),
        apex=float(rng.uniform(12, 20)),
        reach=float(rng.uniform(4.5, 6.5)),
        fracture=fracture,
        fracture_loss=float(rng.uniform(0.2, 0.5)),
        cancellous_hu=float(np.clip(rng.normal(260 - 150 * old, 25), 70, 330)),
        cortical_hu=float(np.clip(rng.normal(1080 - 150 * old, 70), 750, 1250)),
        contrast_hu=float(rng.uniform(120, 220)) if rng.random() < 0.2 else 0.0,
        shape_seed=int(rng.integers(2**31)),
    )
