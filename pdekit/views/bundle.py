"""What a notebook keeps of a live widget."""

from typing import Any

import ipywidgets as widgets


def bundle(view: widgets.Widget, name: str, options: dict[str, Any]) -> dict[str, Any]:
    """The MIME bundle of `view`; where it cannot be shown, as in a notebook that was opened again, words to that."""
    return view._repr_mimebundle_(**options) | {"text/plain": f"{name}: run this cell to see it."}
