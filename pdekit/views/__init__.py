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
    "plot_algorithms": "pdekit.views.scaling.algorithms",
    "plot_allreduce": "pdekit.views.scaling.algorithms",
    "plot_break_even": "pdekit.views.scaling.break_even",
    "plot_messages": "pdekit.views.scaling.messages",
    "plot_speedup": "pdekit.views.scaling.speedup",
    "plot_step": "pdekit.views.scaling.step",
    "plot_topology": "pdekit.views.scaling.topology",
    "WhatIf": "pdekit.views.scaling.what_if.what_if",
    "Dashboard": "pdekit.views.dashboard.dashboard",
}

__all__ = sorted(_HOME)
__getattr__ = loader(__name__, _HOME)
