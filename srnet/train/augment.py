"""Variation of the x-rays while training: what a real detector leaves uncertain."""

import torch

from srnet.config.train import AugmentSettings
from srnet.nets.views import Views

__all__ = ["augment"]


def augment(views: Views, settings: AugmentSettings) -> Views:
    """Return the views with random noise and a random scale of either line integral.

    Noise is the same in the image and in the line integrals, relative to the
    maximum of each; a scale changes the line integrals only, since images are
    normalised by themselves. Draws from PyTorch's global generator.
    """
    image, integral = views.image, views.integral
    if settings.noise > 0:
        noise = settings.noise * torch.randn_like(image)
        white = integral.amax((2, 3), keepdim=True)
        image = (image + noise).clamp(0, 1)
        integral = (integral + noise * white).clamp(min=0)
    if settings.gain > 0:
        scale = settings.gain * torch.randn_like(integral[:, :, :1, :1])
        integral = integral * scale.exp()
    return views._replace(image=image, integral=integral)
