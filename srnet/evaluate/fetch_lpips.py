"""Stage: download the backbone of LPIPS and check that it is the right one."""

import hashlib
from pathlib import Path

import requests

from srnet.core.atomic import atomic_path
from srnet.core.errors import SrnetError
from srnet.evaluate.perceptual import read_features

ADDRESS = "https://download.pytorch.org/models/alexnet-owt-7be5be79.pth"
"""torchvision's AlexNet; the name ends in the first digits of the file's SHA-256."""

_TIMEOUT_S = 60
_CHUNK = 1 << 20


def fetch_lpips(output: str | Path, address: str = ADDRESS) -> None:
    """Download trained AlexNet weights to `output`.

    Parameters
    ----------
    output
        File to write; nothing is left there unless both checks pass.
    address
        Where the file is. Its name must end in `-XXXXXXXX.pth`, the first
        eight hexadecimal digits of the SHA-256 of its bytes.

    Raises
    ------
    SrnetError
        If the address cannot be read, the bytes have another SHA-256, or the
        features in it are not the trained ones.
    """
    expected = Path(address).stem.rpartition("-")[2]
    with atomic_path(output) as partial:
        found = _download(address, partial)
        if not found.startswith(expected):
            raise SrnetError(
                f"{address}: the download has SHA-256 {found[:16]}..., its name says {expected}; "
                "fetch it again, or give the file as evaluate.lpips_weights"
            )
        read_features(partial)


def _download(address: str, target: Path) -> str:
    """Write the bytes at `address` to `target` and return their SHA-256."""
    digest = hashlib.sha256()
    try:
        with requests.get(address, stream=True, timeout=_TIMEOUT_S) as answer:
            answer.raise_for_status()
            with target.open("wb") as file:
                for chunk in answer.iter_content(_CHUNK):
                    digest.update(chunk)
                    file.write(chunk)
    except requests.RequestException as failure:
        raise SrnetError(
            f"{address}: cannot be fetched ({failure}); "
            "fetch it elsewhere and give the file as evaluate.lpips_weights"
        ) from None
    return digest.hexdigest()
