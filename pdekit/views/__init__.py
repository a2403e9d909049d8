"""Arrays and histories as plotly figures, and the dashboard made of them.

The only door to plotly and ipywidgets. Names are loaded on first use: a script that only plots needs no widgets.
"""

from pdekit.lazy import loader

_HOME = {
    "plot_field": "pdekit.views.fields",
    "plot_fields": "pdekit.views.fields",
    "plot_loss": "pdekit.views.curves",
    "plot_error": "pdekit.views.curves",
    "plot_scaling": "pdekit.views.curves",
    "plot_ranks": "pdekit.views.timeline",
    "Dashboard": "pdekit.views.dashboard.dashboard",
}

__all__ = sorted(_HOME)
__getattr__ = loader(__name__, _HOME)
