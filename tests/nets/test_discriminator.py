"""The discriminator: published size, use of its inputs, stable training."""

import torch

from srnet.nets.discriminator import Discriminator
from srnet.train.losses import lsgan_discriminator


def test_the_published_size():
    with torch.device("meta"):
        discriminator = Discriminator()
        scores = discriminator(torch.empty(1, 2, 128, 128), torch.empty(1, 1, 128, 128, 128))
    assert sum(parameter.numel() for parameter in discriminator.parameters()) == 11_055_169
    assert scores.shape == (1, 1, 19, 19, 19)


def test_it_looks_at_both_views_and_the_volume():
    torch.manual_seed(0)
    discriminator = Discriminator(width=0.125)
    image = torch.rand(1, 2, 32, 32, requires_grad=True)
    volume = torch.rand(1, 1, 32, 32, 32, requires_grad=True)
    discriminator(image, volume).square().sum().backward()
    assert image.grad is not None
    assert volume.grad is not None
    assert image.grad.abs().amax(dim=(0, 2, 3)).min() > 0
    assert volume.grad.abs().max() > 0


def test_views_stand_along_their_viewing_axes():
    """A volume made of its AP view and another made of its lateral view look alike to it."""
    torch.manual_seed(0)
    discriminator = Discriminator(width=0.125)
    with torch.no_grad():
        for parameter in discriminator.parameters():
            if parameter.dim() == 5:
                parameter.copy_((parameter + parameter.transpose(3, 4)) / 2)
        first = next(discriminator.layers.parameters())
        first[:, 1] = first[:, 0]
        image, volume = torch.rand(1, 2, 32, 32), torch.rand(1, 1, 32, 32, 32)
        scores = discriminator(image, volume)
        turned = discriminator(image.flip(1), volume.transpose(3, 4))
    torch.testing.assert_close(turned, scores.transpose(3, 4), rtol=1e-3, atol=1e-4)


def test_the_papers_sgd_learns_and_does_not_diverge():
    torch.manual_seed(0)
    discriminator = Discriminator(width=0.25)
    optimiser = torch.optim.SGD(
        discriminator.parameters(), lr=0.01, momentum=0.9, weight_decay=1e-3
    )
    image = torch.rand(2, 2, 32, 32)
    target, prediction = torch.rand(2, 1, 32, 32, 32).round(), torch.rand(2, 1, 32, 32, 32)
    losses = []
    for _ in range(8):
        loss = lsgan_discriminator(discriminator(image, target), discriminator(image, prediction))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.8 * losses[0]
    assert max(losses) < 1
