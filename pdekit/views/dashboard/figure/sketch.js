// A repaint that costs little: new fields and curves in what plotly has drawn already. Axes, colours and words stay.

/** 256 colours (RGBA) of a colour scale of plotly: [[0, "rgb(...)"], ..., [1, ...]]. */
function colours(scale) {
  const line = new OffscreenCanvas(256, 1).getContext("2d", { willReadFrequently: true });
  const ramp = line.createLinearGradient(0, 0, 256, 0);
  for (const [at, colour] of scale) ramp.addColorStop(at, colour);
  line.fillStyle = ramp;
  line.fillRect(0, 0, 256, 1);
  return new Uint32Array(line.getImageData(0, 0, 256, 1).data.buffer);
}

/** Draw `values`, rows of a field from the lowest up, as the heatmap `full`; nothing where there is no number. */
function field(group, full, values, [height, width]) {
  const table = colours(full.colorscale), step = 256 / (full.zmax - full.zmin);
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width, height });
  const context = canvas.getContext("2d"), pixels = context.createImageData(width, height);
  const colour = new Uint32Array(pixels.data.buffer);
  for (let row = 0, at = 0; row < height; row++)
    for (let to = (height - 1 - row) * width, end = to + width; to < end; to++, at++) {
      const level = Math.floor((values[at] - full.zmin) * step);
      colour[to] = Number.isNaN(level) ? 0 : table[Math.min(Math.max(level, 0), 255)];
    }
  context.putImageData(pixels, 0, 0);
  // The attribute that plotly writes: of href and xlink:href a browser shows the first.
  group.querySelector("image")?.setAttributeNS("http://www.w3.org/1999/xlink", "href", canvas.toDataURL());
}

/** Draw a curve through `values`: all x, then all y; with gaps where an axis has no place for them. */
function curve(group, full, values, layout) {
  const [across, up] = [full.xaxis, full.yaxis].map(name => layout[`${name[0]}axis${name.slice(1)}`]);
  const count = values.length / 2;
  let path = "", pen = "M";
  for (let k = 0; k < count; k++) {
    const x = across.d2p(values[k]), y = up.d2p(values[count + k]);
    const there = Number.isFinite(x) && Number.isFinite(y);
    if (there) path += `${pen}${x.toFixed(2)},${y.toFixed(2)}`;
    pen = there ? "L" : "M";
  }
  // Plotly has a path for each stretch between gaps.
  group.querySelectorAll(".js-line").forEach((line, k) => line.setAttribute("d", k ? "" : path));
}

/**
 * Draw what the kernel has sent into the figure `el`: for each of `parts`, [number of a trace, ...shape of its values],
 * there is a buffer of float32. A trace that plotly has not drawn yet waits for the next whole repaint.
 */
function sketch(el, parts, buffers) {
  const groups = new Map();
  for (const group of el.querySelectorAll(".hm, .scatterlayer > .trace"))
    groups.set(group.__data__?.[0].trace.index, group);
  parts.forEach(([index, ...shape], place) => {
    const group = groups.get(index), full = el._fullData[index], { buffer, byteOffset, byteLength } = buffers[place];
    if (!group || !full) return;
    const values = new Float32Array(buffer.slice(byteOffset, byteOffset + byteLength));  // wherever they lie
    if (full.type === "heatmap") field(group, full, values, shape);
    else curve(group, full, values, el._fullLayout);
  });
}
