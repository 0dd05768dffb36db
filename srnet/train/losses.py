"""The loss terms of the paper (section III.D) and of X2CT-GAN.

All are means over voxels or frequencies, so that a weight means the same at every size,
and are computed at least in float32.
"""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor
from torch.nn.functional import l1_loss, mse_loss

_IN_PLANE = (3, 4)
_SPATIAL = (2, 3, 4)


def projection_l1(prediction: Tensor, target: Tensor) -> Tensor:
    """Return the L1 distance of mean projections, averaged over the three axes.

    Parameters
    ----------
    prediction, target
        (N, 1, S, S, S) volumes.
    """
    distances = [
        l1_loss(prediction.abs().mean(axis), target.abs().mean(axis)) for axis in _SPATIAL
    ]
    return torch.stack(distances).mean()


def igdl(
    prediction: Tensor, target: Tensor, exponent: int = 1, axes: tuple[int, ...] = _IN_PLANE
) -> Tensor:
    """Return the image gradient difference loss, eq. 7.

    The printed equation lacks one bracket and the outer absolute value, without which the
    term could be negative for an odd exponent; both are added. It is a mean over voxels,
    summed over axes.

    Parameters
    ----------
    prediction, target
        (N, 1, S, S, S) volumes.
    exponent
        The paper's a, an integer of at least 1.
    axes
        Axes whose neighbours are compared; the paper's two lie in axial slices.
    """
    terms = [
        (prediction.diff(dim=axis).abs() - target.diff(dim=axis).abs()).abs().pow(exponent).mean()
        for axis in axes
    ]
    return torch.stack(terms).sum()


def igdl_depth(prediction: Tensor, target: Tensor) -> Tensor:
    """Return the image gradient difference loss over all three axes; not in the paper."""
    return igdl(prediction, target, axes=_SPATIAL)


def ffl(
    prediction: Tensor, target: Tensor, alpha: float = 1.0, axes: tuple[int, ...] = _SPATIAL
) -> Tensor:
    """Return the focal frequency loss, eqs 8 to 10, with a Fourier transform over `axes`.

    As in reference [51] the transform is orthonormal, and the weights have no gradient and
    are divided by their maximum in each sample and channel, which eq. 9 as printed omits.

    Parameters
    ----------
    prediction, target
        Volumes, or images with `axes` = (2, 3), of equal shape (N, C, ...).
    alpha
        The exponent a of eq. 9.
    """
    spectrum = torch.fft.fftn(prediction - target, dim=axes, norm="ortho")
    power = spectrum.real.square() + spectrum.imag.square()
    weight = power.detach().sqrt().pow(alpha)
    weight = (weight / weight.amax(dim=axes, keepdim=True)).nan_to_num(nan=0.0).clamp(0.0, 1.0)
    loss: Tensor = (weight * power).mean()
    return loss


def lsgan_generator(scores: Tensor) -> Tensor:
    """Return the least-squares adversarial loss of the generator, mean (D(G(x)|x) - 1)^2."""
    return (scores.float() - 1).square().mean()


def lsgan_discriminator(target_scores: Tensor, prediction_scores: Tensor) -> Tensor:
    """Return the discriminator's loss, eq. 13."""
    of_targets = (target_scores.float() - 1).square().mean()
    return 0.5 * of_targets + 0.5 * prediction_scores.float().square().mean()


VOLUME_LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "mse": mse_loss,
    "l1": l1_loss,
    "projection": projection_l1,
    "igdl": igdl,
    "igdl_depth": igdl_depth,
    "ffl": ffl,
}
"""Terms that compare a prediction with its target, by their names in the settings."""


def weigh_terms(
    weights: Mapping[str, float], prediction: Tensor, target: Tensor
) -> dict[str, Tensor]:
    """Return the weighted terms that compare two volumes, without those of weight 0.

    Parameters
    ----------
    weights
        Name of a term -> weight; other names, such as `adversarial`, are ignored.
    prediction, target
        (N, 1, S, S, S) volumes; half precision is raised to float32.
    """
    prediction, target = (
        volume.to(torch.promote_types(volume.dtype, torch.float32))
        for volume in (prediction, target)
    )
    with torch.autocast(prediction.device.type, enabled=False):
        return {
            name: weight * VOLUME_LOSSES[name](prediction, target)
            for name, weight in weights.items()
            if weight and name in VOLUME_LOSSES
        }
