"""Learning-rate schedules as factors of the initial rate."""

import math
from collections.abc import Callable

__all__ = ["SCHEDULES", "learning_rate_factor"]


def _constant(_: float) -> float:
    return 1.0


def _cosine(progress: float) -> float:
    return 0.5 * (1 + math.cos(math.pi * progress))


def _steps(progress: float) -> float:
    """Divide by ten after 40 % and after 70 %: epochs 80 and 140 of 200 (section IV.A)."""
    return 0.1 ** ((progress >= 0.4) + (progress >= 0.7))


def _linear(progress: float) -> float:
    return min(1.0, 2 * (1 - progress))


SCHEDULES: dict[str, Callable[[float], float]] = {
    "constant": _constant,
    "cosine": _cosine,
    "steps": _steps,
    "linear": _linear,
}


def learning_rate_factor(schedule: str, progress: float) -> float:
    """Return the factor at `progress`, the finished share of all steps, in [0, 1)."""
    return SCHEDULES[schedule](progress)
