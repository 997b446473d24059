// The sheet: strokes by mouse, finger, pen or keys, a picture behind them, undo; and what is on it, as
// a scan (137 rows of 236 grey levels, 255 paper to 0 ink) or, over a photograph, as a picture.

export const WIDTH = 236, HEIGHT = 137;
const INK = "#1d1d1d";
const STEP = 12; // pixels of the sheet that an arrow moves the pen
const BESIDE = 40; // pixels of the sheet kept around strokes: nearer to an edge they aren't taken for ink
export const LONGEST = 1024; // pixels of a picture's longer side, as large as photographs are worked at

export class Sheet {
  // canvas: to draw on; began(): called when a stroke begins; changed(): when something was added or
  // taken away.
  constructor(canvas, { began, changed }) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
    this.began = began;
    this.changed = changed;
    this.acts = []; // strokes, pictures and clearings, the latest last
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

  // What is on the sheet: all since it was cleared.
  get there() { return this.acts.slice(this.acts.findLastIndex((act) => act.cleared) + 1); }

  get empty() { return this.there.length === 0; }

  get undoable() { return this.acts.length > 0; }

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
    this.began();
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
        this.began();
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
    this.letGo();
    this.acts.push({ image, source });
    this.draw();
    this.changed();
  }

  undo() { if (this.undoable) this.put(this.acts.slice(0, -1)); }

  // Undone as a stroke is.
  clear() { if (!this.empty) this.put([...this.acts, { cleared: true }]); }

  put(acts) {
    this.letGo();
    this.acts = acts;
    this.draw();
    this.changed();
  }

  // Strokes that are being drawn end here: what follows would be of something taken away or covered.
  letGo() {
    this.open.clear();
    if (this.pen) this.pen.stroke = null;
  }

  draw() {
    this.paint(this.context);
    if (!this.pen) return;
    const [x, y] = this.pen.at;
    this.context.beginPath();
    this.context.arc(x, y, Math.max(6, this.width / 2), 0, 2 * Math.PI);
    this.context.strokeStyle = this.pen.stroke ? "#b3261e" : "#1d4ed8";
    this.context.lineWidth = 3;
    this.context.stroke();
  }

  paint(context, paper = "#fff") {
    const { width, height } = this.canvas;
    context.fillStyle = paper;
    context.fillRect(0, 0, width, height);
    const acts = this.there;
    const from = acts.findLastIndex((act) => act.image); // what lies below a picture is covered
    for (const act of acts.slice(Math.max(0, from))) {
      if (act.image) {
        const { left, top, right, bottom } = this.boxOf(act.image);
        context.fillStyle = "#fff"; // below what is transparent
        context.fillRect(left, top, right - left, bottom - top);
        context.drawImage(act.image, left, top, right - left, bottom - top);
      } else {
        stroke(context, act);
      }
    }
  }

  // Where a picture is on the sheet: as large as it can be, in the middle.
  boxOf({ width, height }) {
    const fit = Math.min(this.canvas.width / width, this.canvas.height / height);
    const [left, top] = [(this.canvas.width - width * fit) / 2, (this.canvas.height - height * fit) / 2];
    return { left, top, right: left + width * fit, bottom: top + height * fit };
  }

  // What is to be read, { scan } or { file }: a file as it came as long as nothing is drawn on it,
  // then as a picture again, so that it is cut to its ink as before. One of a scan's size is a scan.
  async picture() {
    const last = this.there.at(-1);
    if (last.image) return { file: last.source };
    const image = this.there.findLast((act) => act.image)?.image;
    if (!image || (image.width === WIDTH && image.height === HEIGHT)) return { scan: this.scan() };
    return { file: await this.photograph(image) };
  }

  // The picture and what is drawn on it, without the sheet around them. No side is a scan's: the
  // longer one has 548 pixels or more.
  photograph(image) {
    const box = this.boxOf(image);
    const fit = (box.right - box.left) / image.width;
    const strokes = this.acts.slice(this.acts.findLastIndex((act) => act.image) + 1);
    for (const { points, width } of strokes) for (const [x, y] of points) {
      const reach = width / 2 + BESIDE;
      box.left = Math.max(0, Math.min(box.left, x - reach));
      box.top = Math.max(0, Math.min(box.top, y - reach));
      box.right = Math.min(this.canvas.width, Math.max(box.right, x + reach));
      box.bottom = Math.min(this.canvas.height, Math.max(box.bottom, y + reach));
    }
    const [width, height] = [box.right - box.left, box.bottom - box.top];
    const scale = Math.max(1, Math.min(LONGEST / Math.max(width, height), 1 / fit));
    const large = new OffscreenCanvas(Math.round(width * scale), Math.round(height * scale));
    const context = large.getContext("2d");
    context.imageSmoothingQuality = "high";
    context.setTransform(scale, 0, 0, scale, -box.left * scale, -box.top * scale);
    this.paint(context, paperOf(image)); // beside it too: an edge would look like ink
    return large.convertToBlob({ type: "image/png" });
  }

  // The scan of what is on the sheet.
  scan() {
    const small = new OffscreenCanvas(WIDTH, HEIGHT);
    const context = small.getContext("2d", { willReadFrequently: true });
    context.imageSmoothingQuality = "high";
    const large = new OffscreenCanvas(this.canvas.width, this.canvas.height);
    this.paint(large.getContext("2d"));
    context.drawImage(large, 0, 0, WIDTH, HEIGHT);
    return Uint8Array.from(greys(context), Math.round);
  }
}

// A picture on white, so many times as large.
export function smaller(image, factor) {
  const sides = [image.width, image.height].map((side) => Math.max(1, Math.round(side * factor)));
  const canvas = new OffscreenCanvas(...sides);
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.fillStyle = "#fff";
  context.fillRect(0, 0, ...sides);
  context.drawImage(image, 0, 0, ...sides);
  return canvas;
}

// The grey of most of a picture.
function paperOf(image) {
  const context = new OffscreenCanvas(32, 32).getContext("2d", { willReadFrequently: true });
  context.fillStyle = "#fff";
  context.fillRect(0, 0, 32, 32);
  context.drawImage(image, 0, 0, 32, 32);
  const grey = Math.round(greys(context).sort()[512]);
  return `rgb(${grey} ${grey} ${grey})`;
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
