"""One setting as a control: a label that explains itself, a widget, and a place for what is wrong with it."""

from collections.abc import Callable, Mapping
from html import escape
from typing import Any

import ipywidgets as widgets

from pdekit.views.dashboard.form.values import Unread, read, shown


class Control:
    """A checkbox, a list of words or a line of text for the setting `name` of type `hint`, with `line` to explain it.

    `row` is what to put on a page. The line is a tooltip and part of the label that a screen reader reads; `sections`
    shows it while the control has the focus. `call(control)` follows each change that a user makes, and none that
    `show` makes. All controls may share one `layout`.
    """

    def __init__(
        self,
        name: str,
        label: str,
        line: str,
        hint: Any,
        words: Mapping[Any, str] | None,
        call: Callable[["Control"], None],
        layout: widgets.Layout,
    ) -> None:
        self.name, self._hint, self._call, self._showing = name, hint, call, False
        self._nothing = line.partition("empty for ")[2]
        said = f'{escape(label)} <span class="pdekit-line">{escape(line)}</span>'
        common = {"tooltip": line, "layout": layout}
        labelled = common | {"description": said, "description_allow_html": True}
        if words is not None:
            self.widget = widgets.Dropdown(options=_options(words), **labelled)
        elif hint is bool:  # whose title would show the tags: so its line is there to read
            self.widget = widgets.Checkbox(description=f"{label}: {line}", indent=False, **common)
        else:
            self.widget = widgets.Text(continuous_update=False, **labelled)
        self.note = widgets.HTML(layout=layout)
        self.row = widgets.VBox([self.widget, self.note], layout=layout)
        self.widget.observe(self._edited, "value")

    def read(self) -> Any:
        """The value that it holds. ValueError in words for a text that is none."""
        if isinstance(self.widget, widgets.Text):
            return read(self.name.rpartition(".")[2], self.widget.value, self._hint, self._nothing)
        return self.widget.value

    def show(self, value: Any, words: Mapping[Any, str] | None = None) -> None:
        """Hold `value`, a text that could not be read included; for a list, among `words` if they are given."""
        self._showing = True
        try:
            if isinstance(self.widget, widgets.Dropdown):
                options = list(self.widget.options) if words is None else _options(words)
                if value not in [one for _, one in options]:
                    options.append((shown(value), value))
                with self.widget.hold_sync():
                    if options != list(self.widget.options):
                        self.widget.options = options
                    self.widget.value = value
            elif not isinstance(self.widget, widgets.Text):
                self.widget.value = value
            elif not self._says(value):
                self.widget.value = shown(value)
        finally:
            self._showing = False

    def say(self, words: str = "", wrong: bool = False) -> None:
        """Show `words` under it, marked where they say that it is `wrong`; nothing takes them away."""
        mark, role = ("\N{BALLOT X} ", "alert") if wrong else ("", "status")
        self.note.value = f'<div role="{role}">{mark}{escape(words)}</div>' if words else ""
        (self.widget.add_class if wrong else self.widget.remove_class)("pdekit-wrong")

    def _says(self, value: Any) -> bool:
        """Whether its text stands for `value` already, maybe in other words: 3e-3 for 0.003."""
        try:
            return not isinstance(value, Unread) and self.read() == value
        except ValueError:
            return False

    def _edited(self, change: Any) -> None:
        if not self._showing:
            self._call(self)


def _options(words: Mapping[Any, str]) -> list[tuple[str, Any]]:
    return [(said, value) for value, said in words.items()]
