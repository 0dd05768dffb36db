"""Write requirements.lock and envs/srnet.yaml from the running environment.

Both name the same versions; a test keeps them equal. torch is pinned without
a local label, so that a machine with a GPU takes the CUDA build of the same
version.
"""

import sys
from importlib.metadata import distributions
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
OURS = {"srnet", "pip"}


def pins() -> list[str]:
    """Return `name==version` of every installed distribution but our own."""
    found = {d.metadata["Name"].lower().replace("_", "-"): d.version for d in distributions()}
    return [f"{n}=={v.split('+')[0]}" for n, v in sorted(found.items()) if n not in OURS]


def conda_environment(packages: list[str]) -> str:
    """Return the conda environment that installs exactly `packages` by pip."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    head = "name: srnet\nchannels:\n  - conda-forge\n  - nodefaults\ndependencies:\n"
    lines = "".join(f"      - {package}\n" for package in packages)
    return f"{head}  - python={version}\n  - pip\n  - pip:\n{lines}"


if __name__ == "__main__":
    locked = pins()
    (ROOT / "requirements.lock").write_text("\n".join(locked) + "\n", encoding="utf-8")
    (ROOT / "envs" / "srnet.yaml").write_text(conda_environment(locked), encoding="utf-8")
