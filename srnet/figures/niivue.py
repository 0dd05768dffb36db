"""The NiiVue volume viewer as a script that a page can carry in itself.

NiiVue (BSD-2-Clause) comes with the Python package `ipyniivue` as one bundled
JavaScript module for notebooks. The module keeps its `Niivue` class to itself;
it is found here by the one place that makes an instance, and left in scope for
the page's own script, which is put behind it.
"""

import re
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from srnet.errors import SrnetError

__all__ = ["niivue_module"]

_INSTANCE = re.compile(
    r'console\.log\("Creating new Niivue instance"\);.{0,120}?=new ([A-Za-z_$][\w$]*)\('
)
_EXPORT = re.compile(r"export\{[^}]*\};?\s*$")


def niivue_module(script: str) -> str:
    """Return NiiVue followed by `script`, which may use the class `Niivue`.

    The text is meant for an inline `<script type="module">`.

    Raises
    ------
    SrnetError
        If `ipyniivue` is missing, or its bundle is not built as expected.
    """
    bundle = _bundle().read_text(encoding="utf-8")
    made = _INSTANCE.search(bundle)
    if made is None or _EXPORT.search(bundle) is None:
        raise SrnetError(
            f"ipyniivue {metadata.version('ipyniivue')} hides the Niivue class in an unknown way; "
            "install the version that requirements.lock names"
        )
    viewer = _EXPORT.sub("", bundle)
    text = f"{viewer}\n;{{const Niivue={made[1]};\n{script}\n}}"
    # A closing tag inside a string would end the page's script element.
    return text.replace("</script", r"<\/script")


def _bundle() -> Path:
    # Importing the package would start its notebook machinery; its folder is enough.
    spec = find_spec("ipyniivue")
    if spec is None or spec.origin is None:
        raise SrnetError(
            "the volume viewer needs the package ipyniivue; pip install -r requirements.lock"
        )
    return Path(spec.origin).parent / "static" / "widget.js"
