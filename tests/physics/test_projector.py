"""The torch projector against ITK's ray casting, and as a linear operator."""

import numpy as np
import pytest
import torch

from srnet.imaging.geometry import ConeBeam, View
from srnet.imaging.volume import Grid, Volume
from srnet.physics.projector import projections
from srnet.prepare.project_drr import cast_rays

SIZE = 24
SPACING = (4.0, 3.0, 3.5)


def pair(spacing=SPACING, source_mm=541.0, size=SIZE):
    return projections(torch.tensor([spacing]), size, torch.tensor([source_mm]))


@pytest.mark.parametrize("spacing", [SPACING, (2.0, 5.0, 1.0)])
@pytest.mark.parametrize(("index", "view"), list(enumerate(View)))
@pytest.mark.parametrize("margin", [0, 4])
def test_agrees_with_itk(spacing, index, view, margin):
    volume = np.zeros((SIZE,) * 3, np.float32)
    inside = (slice(margin, SIZE - margin),) * 3
    volume[inside] = np.random.default_rng(0).uniform(200, 2500, volume[inside].shape)
    grid = Grid(volume.shape, spacing, (0.0, 0.0, 0.0))
    cast = cast_rays(Volume(volume, grid), ConeBeam(541.0), view)
    made = pair(spacing)[index].forward(torch.from_numpy(volume)[None])[0].numpy()
    assert np.abs(made - cast).max() < 0.01 * cast.max()


def test_transpose_is_the_adjoint():
    generator = torch.Generator().manual_seed(1)
    volume = torch.rand((1, SIZE, SIZE, SIZE), generator=generator)
    image = torch.rand((1, SIZE, SIZE), generator=generator)
    for projection in pair():
        there = (projection.forward(volume) * image).sum()
        back = (volume * projection.transpose(image)).sum()
        torch.testing.assert_close(there, back, rtol=1e-4, atol=0)


def test_gradient_is_the_transpose():
    volume = torch.rand((1, SIZE, SIZE, SIZE), requires_grad=True)
    image = torch.rand((1, SIZE, SIZE))
    projection = pair()[0]
    (projection.forward(volume) * image).sum().backward()
    torch.testing.assert_close(volume.grad, projection.transpose(image), rtol=1e-4, atol=1e-4)


def test_central_ray_measures_the_path_in_mm():
    size = 25
    volume = torch.zeros((1, size, size, size))
    volume[:, 8:17, 8:17, 8:17] = 1
    ap, lateral = pair(size=size)
    assert ap.forward(volume)[0, 12, 12].item() == pytest.approx(9 * SPACING[1], rel=1e-5)
    assert lateral.forward(volume)[0, 12, 12].item() == pytest.approx(9 * SPACING[2], rel=1e-5)


def test_objects_nearer_to_the_source_look_larger():
    near_ap, far_ap, near_lateral, far_lateral = (
        torch.zeros((1, SIZE, SIZE, SIZE)) for _ in "abcd"
    )
    near_ap[:, 8:16, 1, 8:16] = 1  # anterior, where the AP source stands
    far_ap[:, 8:16, -2, 8:16] = 1
    near_lateral[:, 8:16, 8:16, -2] = 1  # patient's left, where the lateral source stands
    far_lateral[:, 8:16, 8:16, 1] = 1
    ap, lateral = pair()
    assert ap.forward(near_ap).sum() > ap.forward(far_ap).sum()
    assert lateral.forward(near_lateral).sum() > lateral.forward(far_lateral).sum()


def test_samples_of_a_batch_do_not_mix():
    spacing = torch.tensor([SPACING, (2.0, 2.0, 2.0)])
    volume = torch.rand((2, SIZE, SIZE, SIZE))
    both = projections(spacing, SIZE, torch.tensor([541.0, 700.0]))
    for sample in range(2):
        alone = pair(tuple(spacing[sample].tolist()), [541.0, 700.0][sample])
        for together, single in zip(both, alone, strict=True):
            torch.testing.assert_close(
                together.forward(volume)[sample], single.forward(volume[sample : sample + 1])[0]
            )


def test_the_views_are_those_of_the_data_sets():
    assert [projection.view for projection in pair()] == list(View)
