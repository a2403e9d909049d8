"""Whether the page has shown what was painted last: a slow browser is sent no more than it can show."""

import time

import anywidget
import traitlets

PATIENCE = 2.0  # seconds after which nobody seems to look, or the page is very slow

# A page in the background draws no frames, and so answers when somebody looks again.
_SCRIPT = """
function render({ model, el }) {
  el.style.display = "none";
  model.on("change:sent", () => requestAnimationFrame(() => {
    model.set("seen", model.get("sent"));
    model.save_changes();
  }));
}
export default { render };
"""


class Beat(anywidget.AnyWidget):
    """Sent after each repaint, answered by the page once that is drawn."""

    _esm = _SCRIPT
    sent = traitlets.Int(0).tag(sync=True)
    seen = traitlets.Int(0).tag(sync=True)
    _at = 0.0

    @property
    def ready(self) -> bool:
        """Whether it makes sense to repaint."""
        return self.seen >= self.sent or time.monotonic() - self._at > PATIENCE

    def mark(self) -> None:
        """There was a repaint."""
        self._at = time.monotonic()
        self.sent += 1
