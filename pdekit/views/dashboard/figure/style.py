"""The figure in the page's colours: text, axes and grids follow JupyterLab's, Voila's and VS Code's themes."""

import ipywidgets as widgets

NAME = "pdekit-figure"  # the class of the box that holds a figure

_INK = "var(--jp-ui-font-color1, var(--vscode-foreground, #1f2933))"
_LINE = "var(--jp-border-color1, var(--vscode-panel-border, #b8c1cb))"
_GRID = f"color-mix(in srgb, {_INK} 12%, transparent)"  # VS Code has no colour of its own for it
_DRAWING = f".{NAME} .js-plotly-plot .main-svg"

# Rules, not attributes: a switch of the theme needs no message from the kernel. Tooltips have colours of their own.
CSS = f"""
{_DRAWING} {{ background: transparent !important; }}
{_DRAWING} > g:not(.hoverlayer) text {{ fill: {_INK} !important; }}
{_DRAWING} .gridlayer path {{ stroke: {_GRID} !important; }}
{_DRAWING} .zerolinelayer path {{ stroke: {_LINE} !important; }}
{_DRAWING} path.xtick, {_DRAWING} path.ytick {{ stroke: {_LINE} !important; }}
{_DRAWING} .xlines-above, {_DRAWING} .ylines-above {{ stroke: {_LINE} !important; }}
{_DRAWING} .xlines-below, {_DRAWING} .ylines-below {{ stroke: {_LINE} !important; }}
"""


def style() -> widgets.HTML:
    """The rules, as a widget without extent."""
    return widgets.HTML(f"<style>{CSS}</style>", layout={"height": "0", "margin": "0", "overflow": "hidden"})
