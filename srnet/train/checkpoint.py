"""Model files and resume files: safetensors with JSON, never a pickle.

A model file holds the weights of a network and, as JSON in its header, all that is needed
to build it and to prepare its input. A resume file holds all that a killed training needs
to go on.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.optim import Optimizer

from srnet.config.nets import Net, parse_net
from srnet.config.train import TrainSettings
from srnet.core.atomic import atomic_path, scratch_folder
from srnet.core.errors import SrnetError
from srnet.core.stamp import record_id
from srnet.nets.registry import build_net

# A single key, since the order of several keys in a header is not reproducible.
_KEY = "srnet"

SIZES = (32, 64, 128)
"""Voxels along an edge that networks are made for."""


@dataclass(frozen=True)
class ModelCard:
    """The description in a model file.

    Attributes
    ----------
    net, train
        Resolved settings of the network and of its training.
    size
        Edge of volumes and x-rays in voxels.
    seed
        Seed of the training.
    code
        Digest of the code that trained it.
    data
        Digests of the training and validation files.
    epoch
        Epoch, from 1, after which the weights were taken.
    source_to_isocentre_mm
        Geometry of the x-rays that it was trained on.
    """

    net: Net
    train: TrainSettings
    size: int
    seed: int
    code: str
    data: Mapping[str, str]
    epoch: int
    source_to_isocentre_mm: float

    def plain(self) -> dict[str, Any]:
        """Return the card as plain JSON types."""
        return {**vars(self), "net": self.net.plain(), "train": self.train.plain()}


class LoadedModel(NamedTuple):
    """A network in evaluation mode, and its card."""

    net: nn.Module
    card: ModelCard


def save_tensors(
    path: str | Path, tensors: Mapping[str, Tensor], about: Mapping[str, Any]
) -> None:
    """Write named tensors and JSON values, atomically and byte for byte reproducibly."""
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    # The library writes a temporary file of its own beside its target, which a kill would leave.
    with atomic_path(path) as partial, scratch_folder(path) as scratch:
        save_file(plain, scratch / "tensors", metadata={_KEY: json.dumps(about)})
        (scratch / "tensors").replace(partial)
        partial.chmod(0o644)


def load_tensors(path: str | Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read what `save_tensors` wrote.

    Raises
    ------
    SrnetError
        If the file is missing, is not a safetensors file, or is not from this package.
    """
    try:
        with safe_open(path, framework="pt") as file:
            about = (file.metadata() or {}).get(_KEY)
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as failure:
        raise SrnetError(f"{path}: cannot be read as safetensors ({failure})") from None
    if about is None:
        raise SrnetError(f"{path}: has no '{_KEY}' metadata; it was not written by this package")
    try:
        return tensors, dict(json.loads(about))
    except (ValueError, TypeError, RecursionError):
        raise SrnetError(
            f"{path}: its '{_KEY}' metadata are damaged; copy or make the file again"
        ) from None


def save_model(path: str | Path, weights: Mapping[str, Tensor], card: ModelCard) -> None:
    """Write the weights of a trained network with its card."""
    save_tensors(path, weights, {**card.plain(), "record": record_id()})


def load_model(path: str | Path) -> LoadedModel:
    """Build the network that a model file describes and load its weights.

    Raises
    ------
    SrnetError
        If the file is not a model of this package, or its weights do not fit the network
        that this version builds.
    """
    weights, about = load_tensors(path)
    card = _read_card(path, about)
    net = build_net(card.net, card.size)
    try:
        net.load_state_dict(weights)
    except RuntimeError as failure:
        raise SrnetError(
            f"{path}: its weights do not fit the network '{card.net.name}' of this version; "
            f"train again ({str(failure).splitlines()[1].strip()})"
        ) from None
    return LoadedModel(net.eval(), card)


def _read_card(path: str | Path, about: dict[str, Any]) -> ModelCard:
    try:
        settings = {"net": parse_net(about["net"]), "train": TrainSettings.parse(about["train"])}
        about.pop("record")
        card = ModelCard(**about | settings)
        fits = card.size in SIZES and 0 < card.source_to_isocentre_mm < math.inf
    except (KeyError, TypeError, ValueError) as failure:
        reason = " ".join(str(failure).split())[:200]
        raise SrnetError(
            f"{path}: its description is no model of this version ({type(failure).__name__}: "
            f"{reason}); train or export it again"
        ) from None
    if not fits:
        raise SrnetError(
            f"{path}: describes a model of {card.size!r} voxels a side and x-rays from "
            f"{card.source_to_isocentre_mm!r} mm, which there are not; train or export it again"
        )
    return card


def add_prefix(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return `tensors` with `prefix.` before every name."""
    return {f"{prefix}.{name}": tensor for name, tensor in tensors.items()}


def strip_prefix(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors named `prefix.*`, without the prefix."""
    start = f"{prefix}."
    return {n.removeprefix(start): each for n, each in tensors.items() if n.startswith(start)}


def optimiser_tensors(optimiser: Optimizer) -> dict[str, Tensor]:
    """Return an optimiser's state as tensors named `<parameter>.<key>`."""
    return {
        f"{parameter}.{key}": tensor
        for parameter, values in optimiser.state_dict()["state"].items()
        for key, tensor in values.items()
        if isinstance(tensor, Tensor)
    }


def restore_optimiser(optimiser: Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Restore what `optimiser_tensors` returned; settings such as the rate stay as they are."""
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        parameter, key = name.split(".", 1)
        state.setdefault(int(parameter), {})[key] = tensor
    groups = optimiser.state_dict()["param_groups"]
    optimiser.load_state_dict({"state": state, "param_groups": groups})
