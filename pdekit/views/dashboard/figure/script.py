"""Plotly's widget as the page gets it: loaded in its own time, once for all figures of a page, and without reports.

anywidget waits two seconds for a widget's script and then refuses all that the kernel sends to it, for good and
without a word (`AbortSignal.timeout` in its runtime.ts). Plotly's are five megabytes: a page that is busy, as it is
when a kernel was restarted, takes longer. So what it waits for is a few lines; they load plotly, and keep what
comes meanwhile.
"""

import json
import re
from collections.abc import Iterable
from importlib.resources import files

# The views of FigureModel read what it has, so that a message that was kept must reach it before the first view.
_LATE = """
%(sketch)s
const source = %(source)s, names = %(names)s;

async function read() {
  const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
  try {
    return await import(url);
  } finally {
    URL.revokeObjectURL(url);
  }
}

export default () => {
  let loaded;
  return {
    initialize({ model }) {
      const missed = [], ears = names.map((name) => [`change:${name}`, () => {
        if (model.get(name) !== null) missed.push([name, model.get(name)]);
      }]);
      ears.forEach(([event, call]) => model.on(event, call));
      const page = globalThis.pdekitPlotly ??= {};
      loaded = (page[%(key)s] ??= read()).then((module) => {
        ears.forEach(([event, call]) => model.off(event, call));
        const widget = module.default();
        widget.initialize({ model });
        for (const [name, value] of missed) {
          model.set(name, value);
          model.set(name, null);
        }
        return widget;
      });
    },
    async render(view) {
      const done = await (await loaded).render(view);
      const draw = ({ sketch: parts }, buffers) => sketch(view.el, parts, buffers);
      view.model.on("msg:custom", draw);
      return () => {
        view.model.off("msg:custom", draw);
        done?.();
      };
    },
  };
};
"""


def late(script: str, names: Iterable[str], key: str) -> str:
    """A short script that loads `script`, once in a page for each `key`, and hands it the messages that it missed.

    names: the traits whose values are messages, null in between.
    """
    given = {"source": script, "names": list(names), "key": key}
    texts = {name: json.dumps(value, ensure_ascii=False) for name, value in given.items()}
    return _LATE % (texts | {"sketch": files(__package__).joinpath("sketch.js").read_text("utf-8")})


def quiet(script: str) -> str:
    """Plotly's widget without its reports of what plotly.js filled in: some 80 kB to the kernel after each repaint."""
    view = re.search(
        r"([\w$]+) as FigureView\b", script[script.rfind("export{") :]
    )  # it is the last statement
    if view is None:  # another plotly, which may report
        return script
    silent = "for (const name of ['_sendTraceDeltas', '_sendLayoutDelta'])"
    return f"{script}\n{silent} {view[1]}.prototype[name] = () => {{}};\n"
