"""The values of a training target, and the way between them and HU.

A bone volume holds HU in bone and `AIR_HU` elsewhere. The stored target is
`clip(HU + 1024, 0, 2500)` in bone and 0 elsewhere, the convention of the code
behind the paper's table; networks see it divided by 2500.
"""

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from srnet.imaging.volume import AIR_HU

HU_OFFSET = 1024
"""Added to HU in the stored target."""

TARGET_MAX = 2500
"""Largest stored target: 1476 HU and above, hence all metal."""

Value = TypeVar("Value", float, NDArray[np.float32])


def to_target(bone_hu: NDArray[Any]) -> NDArray[np.float32]:
    """Return the target values of a bone volume, of the same shape, in [0, 2500]."""
    shifted = bone_hu.astype(np.float32)
    shifted += np.float32(HU_OFFSET)
    np.clip(shifted, 0, TARGET_MAX, out=shifted)
    shifted[bone_hu == AIR_HU] = 0
    return shifted


def to_network(target: NDArray[Any]) -> NDArray[np.float32]:
    """Return stored targets as the values in [0, 1] that networks see."""
    return target.astype(np.float32) / np.float32(TARGET_MAX)


def from_network(values: NDArray[Any]) -> NDArray[np.int16]:
    """Return network values, clipped to [0, 1], as stored targets."""
    target: NDArray[np.int16] = np.rint(np.clip(values, 0, 1) * TARGET_MAX).astype(np.int16)
    return target


def network_value(hu: float) -> float:
    """Return the network value of `hu`; -1024 HU is 0, 1476 HU is 1."""
    return (hu + HU_OFFSET) / TARGET_MAX


def hounsfield(value: Value) -> Value:
    """Return the HU that network values inside bone stand for, one or an array."""
    return value * TARGET_MAX - HU_OFFSET
