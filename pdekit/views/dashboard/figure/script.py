"""Plotly's widget as the page gets it: loaded in its own time, once for all figures of a page, and without reports.

anywidget waits two seconds for a widget's script and then refuses all that the kernel sends to it, for good and
without a word (`AbortSignal.timeout` in its runtime.ts). Plotly's are five megabytes: a page that is busy, as it is
when a kernel was restarted, takes longer. So what it waits for is a few lines; they load plotly, and keep what
comes meanwhile.

A page that is opened again gets the states of all widgets in one message, and an output that has waited for them for
two seconds shows an error for good (ipywidgets issue 4026). So plotly is not among them: such a page asks for it.
"""

import json
import re
from collections.abc import Iterable
from importlib.resources import files

# The views of FigureModel read what it has, so that a message that was kept must reach it before the first view.
_LATE = """
%(sketch)s
const names = %(names)s;

const page = globalThis.pdekitPlotly ??= {}, key = %(key)s;

// A figure that was built before the page was opened comes without plotly.
function ask(model) {
  return new Promise((resolve) => {
    const take = ({ script }) => {
      if (!script) return;
      model.off("msg:custom", take);
      resolve(script);
    };
    model.on("msg:custom", take);
    model.send({ script: true });
  });
}

async function read(script) {
  const url = URL.createObjectURL(new Blob([script], { type: "text/javascript" }));
  try {
    return await import(url);
  } finally {
    URL.revokeObjectURL(url);
  }
}

// What is kept for all figures never waits for an answer: a kernel that is restarted gives none.
async function load(model) {
  if (!page[key]) {
    const script = model.get("_script") ?? await ask(model);
    page[key] ??= read(script);  // unless another figure was first
  }
  return page[key];
}

export default () => {
  let loaded;
  return {
    initialize({ model }) {
      const missed = [], ears = names.map((name) => [`change:${name}`, () => {
        if (model.get(name) !== null) missed.push([name, model.get(name)]);
      }]);
      ears.forEach(([event, call]) => model.on(event, call));
      loaded = load(model).then((module) => {
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
      const draw = ({ sketch: parts }, buffers) => parts && sketch(view.el, parts, buffers);
      view.model.on("msg:custom", draw);
      return () => {
        view.model.off("msg:custom", draw);
        done?.();
      };
    },
  };
};
"""


def late(names: Iterable[str], key: str) -> str:
    """A short script that loads plotly's from the state's `_script` or asks for it, and gives it what it missed.

    It is loaded once in a page for each `key`. names: the traits whose values are messages, null in between.
    """
    texts = {name: json.dumps(value) for name, value in {"names": list(names), "key": key}.items()}
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
