"""Where layers are left out of the automatic mixed precision."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch


def full_precision(device: torch.device) -> AbstractContextManager[Any]:
    """Return a context without automatic mixed precision, for layers that rounding hurts."""
    if not torch.amp.is_autocast_available(device.type):  # as on the meta device
        return nullcontext()
    return torch.autocast(device.type, enabled=False)
