// The front end of canvas.py: all frames are here already; the slider only chooses one.

// All lengths are in the units of a drawing of this height; its width follows from the limits of
// the axes. A unit is a CSS pixel, unless the page's style makes the canvas larger.
const HEIGHT = 460;
const MARGIN = { left: 64, right: 16, top: 14, bottom: 58 };

function render({ model, el }) {
  const look = model.get("look");
  const font = look.font;
  const [x0, x1] = look.xlim;
  const [y0, y1] = look.ylim;
  const inner = HEIGHT - MARGIN.top - MARGIN.bottom;
  const width = Math.min(700, (inner * (x1 - x0)) / (y1 - y0) + MARGIN.left + MARGIN.right);
  const unit = (width - MARGIN.left - MARGIN.right) / (x1 - x0);
  const height = unit * (y1 - y0) + MARGIN.top + MARGIN.bottom;
  const X = (x) => MARGIN.left + (x - x0) * unit;
  const Y = (y) => MARGIN.top + (y1 - y) * unit;

  const make = (tag, parent, properties) =>
    parent.appendChild(Object.assign(document.createElement(tag), properties));
  const root = make("div", el, { className: "course-canvas" });
  const bar = make("div", root, { className: "course-canvas-bar" });
  const play = make("button", bar, { type: "button", className: "course-canvas-play" });
  const label = make("label", bar, {});
  const name = make("span", label, { textContent: look.timeLabel });
  const slider = make("input", label, { type: "range", min: 0, step: 1 });
  const readout = make("output", bar, {});
  const canvas = make("canvas", root, {});
  const status = make("div", root, { className: "course-canvas-status" });
  for (const text of [name, readout, play, status]) text.style.fontSize = `${0.95 * font}px`;
  slider.dataset.lmSuppressShortcuts = "true"; // else JupyterLab takes the arrow keys for itself
  canvas.setAttribute("role", "img");
  canvas.style.width = `${width}px`;
  canvas.style.maxWidth = "100%";
  const pen = canvas.getContext("2d");

  let scene, numbers, stride;
  let scale = 0;
  function resize() {
    const zoom = Math.max(1, canvas.clientHeight / height);
    const wanted = zoom * Math.max(2, window.devicePixelRatio || 1); // sharp when projected
    if (wanted === scale) return;
    scale = wanted;
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
    if (scene) draw();
  }
  function load() {
    scene = model.get("scene");
    const bytes = model.get("frames"); // a DataView; its bytes need not be aligned to four
    numbers = new Float32Array(
      bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength),
    );
    stride = 2 * (scene.n + scene.gridLines * scene.gridPoints);
    slider.max = scene.times.length - 1;
    draw();
  }

  function draw() {
    const last = scene.times.length - 1;
    const index = Math.min(model.get("index"), last);
    const start = index * stride;
    slider.value = index;
    readout.textContent = Number(scene.times[index].toPrecision(3));
    slider.setAttribute("aria-valuetext", `${look.timeLabel} ${readout.textContent}`);
    status.textContent = scene.texts[index];
    canvas.setAttribute("aria-label", `${look.timeLabel} ${readout.textContent}. ${status.textContent}`);

    pen.setTransform(scale, 0, 0, scale, 0, 0);
    pen.fillStyle = "white";
    pen.fillRect(0, 0, width, height);
    axes();
    pen.save();
    pen.beginPath();
    pen.rect(X(x0), Y(y1), X(x1) - X(x0), Y(y0) - Y(y1));
    pen.clip();
    pen.strokeStyle = look.grid;
    pen.lineWidth = 1;
    pen.beginPath();
    let at = start + 2 * scene.n;
    for (let row = 0; row < scene.gridLines; row++) {
      for (let k = 0; k < scene.gridPoints; k++, at += 2) {
        const to = k === 0 ? "moveTo" : "lineTo";
        pen[to](X(numbers[at]), Y(numbers[at + 1]));
      }
    }
    pen.stroke();
    pen.strokeStyle = look.frame;
    pen.lineWidth = 2;
    pen.setLineDash([8, 5]);
    pen.beginPath();
    for (const [[a, b], [c, d]] of scene.lines) {
      pen.moveTo(X(a), Y(b));
      pen.lineTo(X(c), Y(d));
    }
    pen.stroke();
    pen.setLineDash([]);
    for (let i = 0; i < scene.n; i++) {
      const group = scene.groups[i];
      pen.fillStyle = look.colors[group];
      marker(look.shapes[group], X(numbers[start + 2 * i]), Y(numbers[start + 2 * i + 1]));
    }
    pen.restore();
  }

  function marker(shape, x, y) {
    const r = 3.6;
    pen.beginPath();
    if (shape === "circle") pen.arc(x, y, r, 0, 2 * Math.PI);
    else if (shape === "square") pen.rect(x - r, y - r, 2 * r, 2 * r);
    else {
      const corners =
        shape === "triangle"
          ? [[0, -1.3], [1.2, 0.9], [-1.2, 0.9]]
          : [[0, -1.4], [1.4, 0], [0, 1.4], [-1.4, 0]];
      for (const [u, v] of corners) pen.lineTo(x + r * u, y + r * v);
      pen.closePath();
    }
    pen.fill();
  }

  function axes() {
    pen.strokeStyle = pen.fillStyle = look.frame;
    pen.lineWidth = 1.5;
    pen.beginPath();
    pen.moveTo(X(x0), Y(y1));
    pen.lineTo(X(x0), Y(y0));
    pen.lineTo(X(x1), Y(y0));
    pen.stroke();
    pen.font = `${0.85 * font}px sans-serif`;
    pen.textAlign = "center";
    for (const x of ticks(x0, x1)) pen.fillText(String(x), X(x), Y(y0) + 1.3 * font);
    pen.fillText(look.labels[0], X((x0 + x1) / 2), Y(y0) + 2.6 * font);
    pen.textAlign = "right";
    for (const y of ticks(y0, y1)) pen.fillText(String(y), X(x0) - 8, Y(y) + 0.3 * font);
    pen.fillText(look.labels[1], X(x0) - 8, Y(y1) + 1.5 * font);
  }

  function ticks(low, high) {
    const rough = (high - low) / 4;
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = power * [1, 2, 5, 10].find((f) => f * power >= rough);
    const found = [];
    for (let k = Math.ceil(low / step); k * step <= high + 1e-9; k++) {
      found.push(Number((k * step).toPrecision(6)));
    }
    return found;
  }

  function move(index) {
    model.set("index", index);
    model.save_changes();
    draw();
  }

  // Playing takes four seconds from end to end, whatever the number of frames.
  let timer = 0;
  function stop() {
    cancelAnimationFrame(timer);
    timer = 0;
    play.textContent = "▶ play";
  }
  function start() {
    const last = scene.times.length - 1;
    const from = Number(slider.value) >= last ? 0 : Number(slider.value);
    const began = performance.now();
    play.textContent = "❚❚ pause";
    const step = (now) => {
      const index = Math.min(last, from + Math.floor(((now - began) / 4000) * last));
      if (index !== Number(slider.value)) {
        model.set("index", index); // told to the kernel once, at the end
        draw();
      }
      if (index < last) timer = requestAnimationFrame(step);
      else {
        stop();
        model.save_changes();
      }
    };
    timer = requestAnimationFrame(step);
  }
  play.addEventListener("click", () => (timer ? stop() : start()));
  slider.addEventListener("input", () => {
    if (timer) stop();
    move(Number(slider.value));
  });
  model.on("change:frames", load);
  model.on("change:index", draw);
  stop();
  resize();
  load();
  const watch = new ResizeObserver(resize);
  watch.observe(canvas);
  return () => {
    stop();
    watch.disconnect();
    model.off("change:frames", load);
    model.off("change:index", draw);
  };
}

export default { render };
