"""The input of a network: what `make_views` refuses."""

import numpy as np
import pytest

from srnet.core.errors import SrnetError
from srnet.physics.views import make_views


def test_a_source_inside_the_volume_is_refused():
    grey, scale = np.ones((1, 2, 32, 32), np.float32), np.ones((1, 2), np.float32)
    spacing = np.array([[5.0, 2.0, 2.0]])
    make_views(grey, scale, spacing, 80.0, gamma=False)
    with pytest.raises(SrnetError, match=r"77 mm .* stands inside a volume that reaches 77\.5 mm"):
        make_views(grey, scale, spacing, 77.0, gamma=False)
