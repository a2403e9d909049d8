"""The verbs of the dashboard as a row of buttons."""

import ipywidgets as widgets

# label: (icon, what it does)
_VERBS = {
    "Train": ("play", "Train until all steps are taken, or Pause"),
    "Pause": ("pause", "Pause after the step that is under way, or the next"),
    "Step": ("step-forward", "Take one optimizer step"),
    "Reset": ("undo", "Forget the run; Undo brings it back"),
    "Compare": ("clone", "Keep this run's curves under the next one's"),
    "Undo": ("reply", "Take back the last change of the settings, or Reset"),
}


class Verbs:
    """`train`, `pause`, `step`, `reset`, `compare` and `undo` are buttons, side by side in `box`."""

    def __init__(self) -> None:
        self.train, self.pause, self.step, self.reset, self.compare, self.undo = (
            button(label, icon, tooltip) for label, (icon, tooltip) in _VERBS.items()
        )
        self.train.button_style = "primary"
        buttons = (self.train, self.pause, self.step, self.reset, self.compare, self.undo)
        self.box = widgets.HBox(buttons, layout={"flex_flow": "row wrap"})
        self.box.add_class("pdekit-bar")

    def enable(self, *, running: bool, dead: bool, begun: bool, done: bool, can_undo: bool) -> None:
        """Offer the verbs that make sense now; `done`: no steps are left of what the settings say."""
        self.train.disabled = self.step.disabled = running or dead or done
        self.pause.disabled = not running
        self.reset.disabled = not (running or begun)
        self.compare.disabled = running or not begun
        self.undo.disabled = running or not can_undo


def button(label: str, icon: str, tooltip: str, width: str = "98px") -> widgets.Button:
    """A button of the dashboard."""
    layout = {"width": width, "margin": "0 4px 2px 0"}
    return widgets.Button(description=label, icon=icon, tooltip=tooltip, layout=layout)
