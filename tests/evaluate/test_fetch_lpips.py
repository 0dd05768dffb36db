import hashlib
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import torch

from srnet.config.evaluate import LPIPS_FETCHED, EvaluateSettings
from srnet.core.errors import SrnetError
from srnet.evaluate.fetch_lpips import ADDRESS, fetch_lpips


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format, *args):  # noqa: A002
        pass


@pytest.fixture
def site(tmp_path: Path):
    """Serve a folder on this machine; return the folder and its address."""
    folder = tmp_path / "site"
    folder.mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield folder, f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def publish(folder: Path, state) -> str:
    """Save weights under a name that ends in the first digits of their SHA-256."""
    torch.save(state, folder / "weights")
    digest = hashlib.sha256((folder / "weights").read_bytes()).hexdigest()[:8]
    (folder / "weights").rename(folder / f"alexnet-{digest}.pth")
    return f"alexnet-{digest}.pth"


def test_the_trained_weights_arrive_unchanged(site, tmp_path, srnet_data):
    folder, address = site
    with np.load(srnet_data / "lpips" / "alexnet_features.npz") as arrays:
        name = publish(folder, {key: torch.from_numpy(arrays[key]) for key in arrays.files})
    fetch_lpips(tmp_path / "got.pth", f"{address}/{name}")
    assert (tmp_path / "got.pth").read_bytes() == (folder / name).read_bytes()


def test_altered_bytes_are_refused_and_leave_no_file(site, tmp_path):
    folder, address = site
    name = publish(folder, {"features.0.bias": torch.zeros(64)})
    with (folder / name).open("ab") as file:
        file.write(b"x")
    with pytest.raises(SrnetError, match="has SHA-256"):
        fetch_lpips(tmp_path / "got.pth", f"{address}/{name}")
    assert not (tmp_path / "got.pth").exists()


def test_other_weights_are_refused(site, tmp_path):
    folder, address = site
    name = publish(folder, {"features.0.bias": torch.zeros(64)})
    with pytest.raises(SrnetError, match="not torchvision's AlexNet"):
        fetch_lpips(tmp_path / "got.pth", f"{address}/{name}")
    assert not (tmp_path / "got.pth").exists()


def test_a_missing_page_says_what_to_do(site, tmp_path):
    _, address = site
    with pytest.raises(SrnetError, match=r"404.*give the file as evaluate.lpips_weights"):
        fetch_lpips(tmp_path / "got.pth", f"{address}/alexnet-00000000.pth")


def test_the_setting_names_what_the_rule_makes():
    assert EvaluateSettings(lpips_weights="fetch").lpips_files == [LPIPS_FETCHED]
    assert Path(LPIPS_FETCHED).name == Path(ADDRESS).name
