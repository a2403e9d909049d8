"""Arrays and histories as plotly figures, and the dashboard made of them.

The only door to plotly and ipywidgets.
"""

import importlib

_HOME = {
    "plot_field": "pdekit.views.fields",
    "plot_fields": "pdekit.views.fields",
    "plot_loss": "pdekit.views.curves",
    "plot_error": "pdekit.views.curves",
    "plot_scaling": "pdekit.views.curves",
    "Dashboard": "pdekit.views.dashboard",
}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> object:
    # On first use, so that a script that only plots needs no widgets.
    if name not in _HOME:
        raise AttributeError(f"pdekit.views has no name {name!r}; it has {', '.join(__all__)}")
    return getattr(importlib.import_module(_HOME[name]), name)
