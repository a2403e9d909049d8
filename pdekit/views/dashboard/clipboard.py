"""A button that puts a text into the clipboard of the person at the browser, wherever the kernel runs."""

import anywidget
import traitlets

_SCRIPT = """
function render({ model, el }) {
  const button = document.createElement("button");
  button.className = "jupyter-button lm-Widget jupyter-widgets widget-button";
  button.title = model.get("hint");
  button.style.width = "98px";
  const say = (words) => { button.textContent = words; };
  say(model.get("label"));
  button.addEventListener("click", async () => {
    const text = model.get("text");
    try {
      await navigator.clipboard.writeText(text);
    } catch {  // a page that is neither local nor encrypted has no clipboard: the old way
      const area = document.createElement("textarea");
      area.value = text;
      button.after(area);
      area.select();
      document.execCommand("copy");
      area.remove();
    }
    say("Copied");
    setTimeout(() => say(model.get("label")), 1500);
  });
  el.appendChild(button);
}
export default { render };
"""


class Clipboard(anywidget.AnyWidget):
    """Copies `text` when it is clicked."""

    _esm = _SCRIPT
    label = traitlets.Unicode("Copy").tag(sync=True)
    hint = traitlets.Unicode("").tag(sync=True)
    text = traitlets.Unicode("").tag(sync=True)
