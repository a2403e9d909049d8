"""How the form looks: rows close together, and sections of which one is open at a time."""

from collections.abc import Collection, Sequence

import ipywidgets as widgets

# The line of the control under the mouse, after a moment, or with the focus: beside the settings, over the edge of the
# figure, where it hides no field and no message. It is placed by the form and not by a box between the two, which
# might cut it off: hence position: static. Colours are the page's, also that of a list's arrow, which is drawn.
# What VS Code's page says otherwise than JupyterLab's: letters of 14 pixels, a pressed button like the others.
STYLE = """<style>
.pdekit-dashboard { --jp-widgets-font-size: 13px; }
.pdekit-dashboard .jupyter-button.mod-active {
  background: color-mix(in srgb, var(--jp-ui-font-color1, currentColor) 26%, transparent); }
.pdekit-form { position: relative; --jp-widgets-inline-height: 24px; --jp-widgets-margin: 1px; overflow: visible;
  color: var(--jp-ui-font-color1, #1f2933); }
.pdekit-form .jupyter-widgets, .pdekit-form .widget-label { position: static; }
.pdekit-form .widget-label { width: 92px; margin-right: 4px; text-align: left; }
.pdekit-form .pdekit-half .widget-label { width: 56px; }
.pdekit-form .pdekit-half { width: 50% !important; }
.pdekit-form .pdekit-half:last-child { padding-left: 8px; }
.pdekit-form .pdekit-line { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
.pdekit-form .jupyter-widgets:focus-within > .widget-label > .pdekit-line,
.pdekit-form .jupyter-widgets:hover > .widget-label > .pdekit-line { left: 100%; width: 250px; height: auto;
  margin: 1px 0 0 4px; padding: 3px 6px; clip-path: none; z-index: 1001; pointer-events: none; text-align: left;
  white-space: normal; font-size: 12px; line-height: 1.25; color: var(--jp-ui-font-color1, CanvasText);
  background: var(--jp-layout-color2, Canvas); border: 1px solid var(--jp-border-color1, #8a949e); }
.pdekit-form .jupyter-widgets:hover:not(:focus-within) > .widget-label > .pdekit-line { z-index: 1002;
  animation: pdekit-line 0.1s 0.4s backwards; }
@keyframes pdekit-line { from { opacity: 0; } }
.pdekit-form .pdekit-question .widget-label { width: 60px; margin-right: 2px; }
.pdekit-form .widget-dropdown > select { --ink: var(--jp-ui-font-color1, currentColor);
  background-image: linear-gradient(45deg, transparent 50%, var(--ink) 50%),
  linear-gradient(-45deg, transparent 50%, var(--ink) 50%); background-repeat: no-repeat;
  background-position: right 11px center, right 7px center; background-size: 4px 4px; padding: 0 16px 0 5px; }
.pdekit-form .widget-checkbox { height: auto; }
.pdekit-form .widget-checkbox .widget-label-basic { white-space: normal; line-height: 1.25; align-items: flex-start;
  width: 100%; font-size: 12px; padding: 3px 0; }
.pdekit-form .widget-toggle-button { text-align: left; width: 100%; margin: 1px 0; padding: 0 6px; height: 24px;
  line-height: 22px; background: transparent; box-shadow: none; color: var(--jp-ui-font-color1, #1f2933);
  border: none; border-top: 1px solid var(--jp-border-color2, #c8ced5); font-weight: 600; }
.pdekit-form .widget-toggle-button:focus-visible { outline: 2px solid var(--jp-brand-color1, #0072B2); }
.pdekit-form .pdekit-wrong input, .pdekit-form .pdekit-wrong select { border: 2px solid #D55E00; }
.pdekit-form .widget-inline-hbox:not(.widget-html) { margin: 1px 0 !important; }
.pdekit-form .widget-html, .pdekit-form .widget-html-content { height: auto; line-height: 1.25; font-size: 12px; }
.pdekit-form .pdekit-section { overflow: visible; padding: 0 0 4px 8px; }
</style>"""


class Sections:
    """Buttons that open and close what is under them: `box` holds them all. `boxes` are the contents by title."""

    def __init__(self, titles: Sequence[str]) -> None:
        self.boxes = {title: widgets.VBox(layout={"display": "none", "width": "100%"}) for title in titles}
        self.buttons = {title: _button(title) for title in titles}
        for title, button in self.buttons.items():
            self.boxes[title].add_class("pdekit-section")
            button.observe(lambda change, title=title: self._turned(title, change["new"]), "value")
        pairs = [one for title in titles for one in (self.buttons[title], self.boxes[title])]
        self.box = widgets.VBox(pairs, layout={"width": "100%", "overflow": "visible"})

    def open(self, title: str) -> None:
        """Open that one, and close the others."""
        self.buttons[title].value = True

    def mark(self, wrong: Collection[str]) -> None:
        """Show on the buttons what sections something is `wrong` in, open or not."""
        for title, button in self.buttons.items():
            button.description = title + " \N{BALLOT X}" * (title in wrong)

    def _turned(self, title: str, opened: bool) -> None:
        self.boxes[title].layout.display = "flex" if opened else "none"
        self.buttons[title].icon = "caret-down" if opened else "caret-right"
        for other, button in self.buttons.items():
            if opened and other != title:
                button.value = False


def _button(title: str) -> widgets.ToggleButton:
    return widgets.ToggleButton(description=title, icon="caret-right", tooltip=f"Settings: {title}")


def halves(*widgets_: widgets.Widget) -> widgets.HBox:
    """Two short controls side by side."""
    for one in widgets_:
        one.add_class("pdekit-half")
    return widgets.HBox(
        widgets_, layout={"width": "100%", "overflow": "visible", "align_items": "flex-start"}
    )
