"""The loss terms of the paper (section III.D) and of X2CT-GAN.

All are means over voxels or frequencies, so that their weights mean the same
at every size, and are computed in float32 at least.
"""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor
from torch.nn.functional import l1_loss, mse_loss

_IN_PLANE = (3, 4)
_SPATIAL = (2, 3, 4)


def projection_l1(made: Tensor, real: Tensor) -> Tensor:
    """Return the L1 distance of mean projections, averaged over the three axes.

    Parameters
    ----------
    made, real
        (N, 1, S, S, S) volumes.
    """
    distances = [l1_loss(made.abs().mean(axis), real.abs().mean(axis)) for axis in _SPATIAL]
    return torch.stack(distances).mean()


def igdl(
    made: Tensor, real: Tensor, exponent: int = 1, axes: tuple[int, ...] = _IN_PLANE
) -> Tensor:
    """Return the image gradient difference loss, eq. 7.

    The printed equation lacks one bracket and the outer absolute value, without
    which the term could be negative for an odd exponent; both are added. It is
    a mean over voxels, summed over axes.

    Parameters
    ----------
    made, real
        (N, 1, S, S, S) volumes.
    exponent
        The paper's a, an integer of at least 1.
    axes
        Axes whose neighbours are compared; the paper's two lie in axial slices.
    """
    terms = [
        (made.diff(dim=axis).abs() - real.diff(dim=axis).abs()).abs().pow(exponent).mean()
        for axis in axes
    ]
    return torch.stack(terms).sum()


def igdl_depth(made: Tensor, real: Tensor) -> Tensor:
    """Return the image gradient difference loss over all three axes, beyond the paper."""
    return igdl(made, real, axes=_SPATIAL)


def ffl(
    made: Tensor, real: Tensor, alpha: float = 1.0, axes: tuple[int, ...] = _SPATIAL
) -> Tensor:
    """Return the focal frequency loss, eqs 8 to 10, with a Fourier transform over `axes`.

    As in reference [51] the transform is orthonormal and the weights are
    constants, divided by their maximum in each sample and channel; eq. 9 as
    printed would weigh with values of any scale.

    Parameters
    ----------
    made, real
        Volumes, or images with `axes` = (2, 3), of equal shape (N, C, ...).
    alpha
        The exponent a of eq. 9.
    """
    spectrum = torch.fft.fftn(made - real, dim=axes, norm="ortho")
    power = spectrum.real.square() + spectrum.imag.square()
    weight = power.detach().sqrt().pow(alpha)
    weight = (weight / weight.amax(dim=axes, keepdim=True)).nan_to_num(nan=0.0).clamp(0.0, 1.0)
    loss: Tensor = (weight * power).mean()
    return loss


def lsgan_generator(made_scores: Tensor) -> Tensor:
    """Return the least-squares adversarial loss of the generator, mean (D(G(x)|x) - 1)^2."""
    return (made_scores.float() - 1).square().mean()


def lsgan_discriminator(real_scores: Tensor, made_scores: Tensor) -> Tensor:
    """Return the discriminator's loss, eq. 13."""
    real, made = real_scores.float(), made_scores.float()
    return 0.5 * (real - 1).square().mean() + 0.5 * made.square().mean()


VOLUME_LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "mse": mse_loss,
    "l1": l1_loss,
    "projection": projection_l1,
    "igdl": igdl,
    "igdl_depth": igdl_depth,
    "ffl": ffl,
}
"""Terms of a made and a real volume, by their names in the settings."""


def weigh_terms(weights: Mapping[str, float], made: Tensor, real: Tensor) -> dict[str, Tensor]:
    """Return the weighted terms between two volumes, those of weight 0 left out.

    Parameters
    ----------
    weights
        Name of a term -> weight; names that compare no volumes, such as
        `adversarial`, are passed over.
    made, real
        (N, 1, S, S, S) volumes; half precision is raised to float32.
    """
    made, real = _at_least_float32(made), _at_least_float32(real)
    with torch.autocast(made.device.type, enabled=False):
        return {
            name: weight * VOLUME_LOSSES[name](made, real)
            for name, weight in weights.items()
            if weight and name in VOLUME_LOSSES
        }


def _at_least_float32(volume: Tensor) -> Tensor:
    return volume.to(torch.promote_types(volume.dtype, torch.float32))
