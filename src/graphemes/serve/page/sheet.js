// The sheet: strokes by mouse, finger, pen or keys, a picture behind them, undo; and what is on it as
// a scan: 137 rows of 236 grey levels, 255 paper to 0 ink.

export const WIDTH = 236, HEIGHT = 137;
const INK = "#1d1d1d";
const STEP = 12; // pixels of the sheet that an arrow moves the pen

export class Sheet {
  // canvas: to draw on; changed(): called when something was added or taken away.
  constructor(canvas, changed) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
    this.changed = changed;
    this.acts = []; // strokes and pictures, the latest last
    this.open = new Map(); // strokes that a pointer still draws, by its id
    this.width = 22;
    this.pen = null; // of the keys: where it is, and the stroke that it draws
    canvas.addEventListener("pointerdown", (event) => this.begin(event));
    canvas.addEventListener("pointermove", (event) => this.go(event));
    for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, (event) => this.end(event));
    canvas.addEventListener("keydown", (event) => this.key(event));
    canvas.addEventListener("blur", () => { this.liftPen(); this.pen = null; this.draw(); });
    this.draw();
  }

  get empty() { return this.acts.length === 0; }

  point(event) {
    const box = this.canvas.getBoundingClientRect();
    return [
      (event.clientX - box.left) * this.canvas.width / box.width,
      (event.clientY - box.top) * this.canvas.height / box.height,
    ];
  }

  begin(event) {
    if (event.button !== 0) return;
    this.canvas.setPointerCapture(event.pointerId);
    const stroke = { points: [this.point(event)], width: this.width };
    this.open.set(event.pointerId, stroke);
    this.acts.push(stroke);
    this.draw();
  }

  go(event) {
    const stroke = this.open.get(event.pointerId);
    if (!stroke) return;
    // All that the pen passed since the last frame: fast strokes stay round.
    const events = event.getCoalescedEvents ? event.getCoalescedEvents() : [];
    for (const one of events.length ? events : [event]) stroke.points.push(this.point(one));
    this.draw();
  }

  end(event) {
    if (!this.open.delete(event.pointerId)) return;
    this.changed();
  }

  key(event) {
    const moves = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] };
    if (event.key in moves) {
      event.preventDefault();
      this.pen ??= { at: [this.canvas.width / 2, this.canvas.height / 2], stroke: null };
      const at = this.pen.at.map((value, axis) => value + moves[event.key][axis]);
      this.pen.at = [
        Math.min(this.canvas.width, Math.max(0, at[0])),
        Math.min(this.canvas.height, Math.max(0, at[1])),
      ];
      if (this.pen.stroke) this.pen.stroke.points.push(this.pen.at);
      this.draw();
    } else if (event.key === " ") {
      event.preventDefault();
      this.pen ??= { at: [this.canvas.width / 2, this.canvas.height / 2], stroke: null };
      if (this.pen.stroke) {
        this.liftPen();
      } else {
        this.pen.stroke = { points: [this.pen.at], width: this.width };
        this.acts.push(this.pen.stroke);
      }
      this.draw();
    }
  }

  liftPen() {
    if (!this.pen?.stroke) return;
    this.pen.stroke = null;
    this.changed();
  }

  // A picture in place of what is there; `source`: the file it came from, which is read instead of
  // the sheet as long as nothing is drawn on it.
  show(image, source) {
    this.acts.push({ image, source });
    this.draw();
    this.changed();
  }

  undo() { this.keep(this.acts.slice(0, -1)); }

  clear() { this.keep([]); }

  // Only these of the strokes and pictures that there are.
  keep(acts) {
    if (this.empty) return;
    this.open.clear();
    if (this.pen) this.pen.stroke = null;
    this.acts = acts;
    this.draw();
    this.changed();
  }

  // The file that alone is shown, if it is one.
  get source() {
    const last = this.acts[this.acts.length - 1];
    return last?.image ? last.source : null;
  }

  draw() {
    this.paint(this.context, 1);
    if (!this.pen) return;
    const [x, y] = this.pen.at;
    this.context.beginPath();
    this.context.arc(x, y, Math.max(6, this.width / 2), 0, 2 * Math.PI);
    this.context.strokeStyle = this.pen.stroke ? "#b3261e" : "#1d4ed8";
    this.context.lineWidth = 3;
    this.context.stroke();
  }

  paint(context, scale) {
    const { width, height } = this.canvas;
    context.setTransform(scale, 0, 0, scale, 0, 0);
    context.fillStyle = "#fff";
    context.fillRect(0, 0, width, height);
    const from = this.acts.findLastIndex((act) => act.image); // what lies below a picture is covered
    for (const act of this.acts.slice(Math.max(0, from))) {
      if (act.image) {
        const fit = Math.min(width / act.image.width, height / act.image.height);
        const [w, h] = [act.image.width * fit, act.image.height * fit];
        context.drawImage(act.image, (width - w) / 2, (height - h) / 2, w, h);
      } else {
        stroke(context, act);
      }
    }
  }

  // The scan of what is on the sheet.
  scan() {
    const small = new OffscreenCanvas(WIDTH, HEIGHT);
    const context = small.getContext("2d", { willReadFrequently: true });
    context.imageSmoothingQuality = "high";
    const large = new OffscreenCanvas(this.canvas.width, this.canvas.height);
    this.paint(large.getContext("2d"), 1);
    context.drawImage(large, 0, 0, WIDTH, HEIGHT);
    return Uint8Array.from(greys(context), Math.round);
  }
}

// The luminance of each pixel of a context, as OpenCV weighs it: 0 to 255.
export function greys(context) {
  const { width, height } = context.canvas;
  const { data } = context.getImageData(0, 0, width, height);
  const luminance = (_, pixel) => 0.299 * data[4 * pixel] + 0.587 * data[4 * pixel + 1] + 0.114 * data[4 * pixel + 2];
  return Float64Array.from({ length: width * height }, luminance);
}

function stroke(context, { points, width }) {
  context.strokeStyle = context.fillStyle = INK;
  context.lineWidth = width;
  context.lineCap = context.lineJoin = "round";
  context.beginPath();
  if (points.length === 1) {
    context.arc(points[0][0], points[0][1], width / 2, 0, 2 * Math.PI);
    context.fill();
    return;
  }
  context.moveTo(...points[0]);
  // Through the middles, so that corners of the pointer's path are rounded.
  for (let i = 1; i < points.length - 1; i++) {
    const [x, y] = points[i], [nextX, nextY] = points[i + 1];
    context.quadraticCurveTo(x, y, (x + nextX) / 2, (y + nextY) / 2);
  }
  context.lineTo(...points[points.length - 1]);
  context.stroke();
}
