"""The figure or the history of a dashboard as a file."""

from pathlib import Path
from typing import Any

import plotly.graph_objects as go

from pdekit import checks
from pdekit.beside import Place, beside, check_place
from pdekit.views import theme

SUFFIXES = (".png", ".html", ".csv")


def check(path: Place) -> Path:
    """`path` if something can be exported there; ValueError otherwise."""
    place = check_place("export", path)
    if place.suffix not in SUFFIXES:
        raise checks.refuse("export", f"a file ending in {', '.join(SUFFIXES)}", place.name, "rename it")
    return place


def export(widget: go.FigureWidget, history: Any, path: Place) -> Path:
    """Write the figure to `path` as a .png, or as an .html that needs no network, or the history as a .csv.

    ValueError for another suffix or a folder that is not there; RuntimeError where a .png lacks kaleido or a browser.
    """
    place = check(path)
    if place.suffix == ".csv":
        history.save(place)
        return place
    # On white: on the page its colours are those of the page.
    figure = go.Figure(widget.to_dict()).update_layout(
        paper_bgcolor="white", plot_bgcolor="white", font_color=theme.INK
    )
    with beside(place) as draft:
        if place.suffix == ".html":
            figure.write_html(draft, include_plotlyjs=True)
        else:
            _picture(figure, draft)
    return place


def _picture(figure: go.Figure, path: Path) -> None:
    try:
        figure.write_image(path, format="png", scale=2)
    except Exception as error:  # kaleido's own kinds, one for each way of having no browser
        words = f"A picture needs kaleido and a Chrome or Chromium ({error}): pip install kaleido, or export an .html."
        raise RuntimeError(words) from error
