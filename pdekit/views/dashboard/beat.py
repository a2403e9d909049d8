"""Whether the page has shown the last whole repaint: a slow browser is sent no more than it can show.

Each answer has JupyterLab draw the kernel as busy and as idle again, so that sketches are not asked about.
"""

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
    """Sent after each whole repaint, answered by the page once that is drawn; it `took` so many seconds."""

    _esm = _SCRIPT
    sent = traitlets.Int(0).tag(sync=True)
    seen = traitlets.Int(0).tag(sync=True)
    took = 0.0
    _at = 0.0

    @traitlets.observe("seen")
    def _answered(self, _: object) -> None:
        self.took = time.monotonic() - self._at

    @property
    def ready(self) -> bool:
        """Whether it makes sense to repaint."""
        return self.seen >= self.sent or time.monotonic() - self._at > PATIENCE

    def mark(self) -> None:
        """There was a whole repaint."""
        self._at = time.monotonic()
        self.sent += 1
