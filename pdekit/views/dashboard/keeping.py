"""Where the experiment's line is copied and pasted, and where a run is saved, opened and exported."""

import ipywidgets as widgets

from pdekit.views.dashboard.clipboard import Clipboard
from pdekit.views.dashboard.verbs import button

EXPORTS = (".png", ".html", ".csv")


class Keeping:
    """`line` holds the experiment's line; `place` the name of a folder to save to and open, or of files to export."""

    def __init__(self) -> None:
        wide = {"width": "auto", "flex": "1 1 auto"}
        self.line = widgets.Text(
            description="Experiment", continuous_update=False, layout=wide,
            tooltip="The experiment as one line: copy it, or paste another's and press Enter; empty it for what is set",
        )  # fmt: skip
        self.copy = Clipboard(hint="Copy the experiment's line")
        self.place = widgets.Text(
            "my-run", description="Name", layout={"width": "300px"},
            tooltip="A folder for Save and Open; a file's name, without its ending, for the exports",
        )  # fmt: skip
        self.save = button(
            "Save", "save", "Save the run to this folder, and its checkpoints from now on", "80px"
        )
        self.open = button("Open", "folder-open", "Open the run that is saved in this folder", "80px")
        self.exports = {
            suffix: button(suffix[1:].upper(), "download", words, "80px")
            for suffix, words in zip(
                EXPORTS, ("The figure as a picture", "The figure as a page of its own", "The history"), strict=True
            )
        }  # fmt: skip
        paste = widgets.HBox([self.line, self.copy])
        place = widgets.HBox([self.place, self.save, self.open, *self.exports.values()])
        self.box = widgets.VBox([paste, place])
        self.box.add_class("pdekit-keeping")

    def show(self, text: str) -> None:
        """The experiment's line; calls nobody."""
        self.copy.text = text
        self.line.value = text

    def enable(self, *, running: bool, dead: bool, begun: bool) -> None:
        """Offer what makes sense now."""
        self.line.disabled = running
        self.save.disabled = running or dead or not begun
        self.open.disabled = running or dead
        for one in self.exports.values():
            one.disabled = not begun
