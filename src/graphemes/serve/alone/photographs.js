// A photograph of paper, a screenshot or a crop as a scan: light and shadow taken out, the ink dark,
// cut to the writing and as large as it can be in the middle of a sheet. images/photographs.py and
// images/ink.py do the same with OpenCV; a picture of a scan's own size is taken as it is.

import { HEIGHT, WIDTH, greys } from "./sheet.js";

const WORKED_AT = 768; // pixels of the longer side: a pen's stroke still has several
const SHADES_AT = 128; // at which light and shadow are estimated
const STROKE = 0.12; // share of the longer side: no stroke of a pen is as wide
const GRAINS = 5; // times the median depth of a picture's grain: hardly any of it is deeper
const PAPER = 255;
const DARK_INK = 42; // grey level of the darkest strokes of scans, the median of 300
const FAINT = 30; // grey levels between paper and the darkest: with less nothing was written
const FAINTEST = 40, SHARE = 0.35, DARKEST = 0.005; // what is ink: see images/ink.py
const BORDER = 5, SPECK = 12; // pixels of a scan: marks at the edge, and dust
const BESIDE = 0.35; // share of the writing's size at which signs and dots may stand apart from it
const AROUND = 16; // pixels of paper at each side of the scan that is made

export async function scanOf(file) {
  const image = await createImageBitmap(file);
  const whole = resized(image, Math.min(1, WORKED_AT / Math.max(image.width, image.height)));
  if (image.width === WIDTH && image.height === HEIGHT) return Uint8Array.from(greys(whole), Math.round);
  const near = cut(even(whole), BESIDE);
  return centred(cut(near, 0)); // larger now: a dot that was a speck before is found
}

function sheet(width, height) {
  const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  context.fillStyle = "#fff";
  context.fillRect(0, 0, width, height);
  context.imageSmoothingQuality = "high";
  return context;
}

function resized(image, factor) {
  const context = sheet(...[image.width, image.height].map((side) => Math.max(1, Math.round(side * factor))));
  context.drawImage(image, 0, 0, context.canvas.width, context.canvas.height);
  return context;
}

function painted(values, width, height) {
  const context = sheet(width, height);
  const picture = context.createImageData(width, height);
  values.forEach((grey, pixel) => picture.data.set([grey, grey, grey, 255], 4 * pixel));
  context.putImageData(picture, 0, 0);
  return context;
}

const size = ({ canvas: { width, height } }) => [width, height];
const fitting = ([width, height], share = 1) => Math.min(1, share / Math.max(width, height));
const median = (values) => Float64Array.from(values).sort()[values.length >> 1];

// Paper about white everywhere, the ink darker than it.
function even(whole) {
  const [width, height] = size(whole);
  const small = resized(whole.canvas, fitting([width, height], SHADES_AT));
  const [w, h] = size(small);
  const light = lightOnDark(greys(small), w, h);
  const upright = (values) => (light ? values.map((value) => PAPER - value) : values);
  const reach = Math.max(2, Math.round((STROKE * Math.max(w, h)) / 2));
  // The lightest level within a stroke's reach is paper's; smoothed, so that it leaves no edges.
  const closed = around(around(upright(greys(small)), w, h, reach, Math.max), w, h, reach, Math.min);
  const shades = sheet(width, height);
  shades.drawImage(painted(around(closed, w, h, reach), w, h).canvas, 0, 0, width, height);
  const paper = greys(shades);
  const flat = upright(greys(whole)).map((value, pixel) => PAPER * Math.min(1, value / Math.max(1, paper[pixel])));
  return painted(flat, width, height);
}

// Ink is what stands out most from the level around it, whatever light falls where.
function lightOnDark(values, w, h) {
  const level = around(values, w, h, Math.max(2, Math.round(STROKE * Math.max(w, h))));
  const depth = values.map((value, pixel) => level[pixel] - value);
  const grain = GRAINS * median(depth.map(Math.abs)); // as deep as it is high
  const sum = (sign) => depth.reduce((total, one) => total + Math.max(0, sign * one - grain), 0);
  return sum(-1) > sum(1);
}

// What `join` makes of all values within reach of each, along rows and then columns; their mean
// without one.
function around(values, w, h, reach, join) {
  const along = (from, length, other, at) => {
    const made = new Float64Array(from.length);
    for (let line = 0; line < other; line++) for (let place = 0; place < length; place++) {
      const first = Math.max(0, place - reach), last = Math.min(length - 1, place + reach);
      let value = from[at(line, first)];
      for (let near = first + 1; near <= last; near++) {
        const other = from[at(line, near)];
        value = join ? join(value, other) : value + other;
      }
      made[at(line, place)] = join ? value : value / (last - first + 1);
    }
    return made;
  };
  return along(along(values, w, h, (y, x) => y * w + x), h, w, (x, y) => y * w + x);
}

// The grey levels of paper and of the darkest strokes; the level below which a pixel is ink.
function levels(values) {
  const sorted = Float64Array.from(values).sort();
  const paper = sorted[sorted.length >> 1], darkest = sorted[Math.floor(DARKEST * sorted.length)];
  return { paper, darkest, threshold: paper - Math.max(FAINTEST, SHARE * (paper - darkest)) };
}

// The picture cut to its ink, with that share of the box's greater side left around it. Specks and
// borders are known in a scan's pixels, so the ink is found at a scan's size.
function cut(picture, beside) {
  const [width, height] = size(picture);
  const factor = Math.min(HEIGHT / height, WIDTH / width);
  const small = resized(picture.canvas, factor);
  const box = inkBox(greys(small), ...size(small));
  if (!box) return picture;
  const margin = 1 + beside * Math.max(box.right - box.left, box.bottom - box.top);
  const inside = (edge, side) => Math.min(side, Math.max(0, Math.round(edge / factor)));
  const [left, right] = [inside(box.left - margin, width), inside(box.right + margin, width)];
  const [top, bottom] = [inside(box.top - margin, height), inside(box.bottom + margin, height)];
  const made = sheet(right - left, bottom - top);
  made.drawImage(picture.canvas, -left, -top);
  return made;
}

// The box around spots of dark pixels that are no specks and don't lie in the border; undefined
// where there is none.
function inkBox(values, w, h) {
  const { threshold } = levels(values);
  const dark = Uint8Array.from(values, (value) => value < threshold);
  let found;
  for (let start = 0; start < dark.length; start++) {
    if (!dark[start]) continue;
    const spot = flooded(dark, w, h, start);
    const outside = spot.bottom <= BORDER || spot.right <= BORDER || spot.top >= h - BORDER || spot.left >= w - BORDER;
    if (outside || spot.area < SPECK) continue;
    found ??= spot;
    found = {
      left: Math.min(found.left, spot.left), right: Math.max(found.right, spot.right),
      top: Math.min(found.top, spot.top), bottom: Math.max(found.bottom, spot.bottom),
    };
  }
  return found;
}

// The spot that a pixel is in, all of whose pixels are wiped out.
function flooded(dark, w, h, start) {
  const spot = { area: 0, left: w, right: 0, top: h, bottom: 0 };
  const open = [start];
  dark[start] = 0;
  while (open.length) {
    const pixel = open.pop(), x = pixel % w, y = (pixel - x) / w;
    spot.area++;
    spot.left = Math.min(spot.left, x);
    spot.right = Math.max(spot.right, x + 1);
    spot.top = Math.min(spot.top, y);
    spot.bottom = Math.max(spot.bottom, y + 1);
    for (let row = Math.max(0, y - 1); row <= Math.min(h - 1, y + 1); row++) {
      for (let column = Math.max(0, x - 1); column <= Math.min(w - 1, x + 1); column++) {
        const near = row * w + column;
        if (!dark[near]) continue;
        dark[near] = 0;
        open.push(near);
      }
    }
  }
  return spot;
}

// As large as it can be in the middle of a scan, its darkest strokes as dark as scans'.
function centred(picture) {
  const [width, height] = size(picture);
  const { paper, darkest } = levels(greys(picture));
  const depth = paper - darkest;
  const stretch = depth > FAINT ? Math.max(1, (PAPER - DARK_INK) / depth) : 0;
  const made = resized(picture.canvas, Math.min((WIDTH - 2 * AROUND) / width, (HEIGHT - 2 * AROUND) / height));
  const [w, h] = size(made);
  const values = greys(made), scan = new Uint8Array(WIDTH * HEIGHT).fill(PAPER);
  const [top, left] = [(HEIGHT - h) >> 1, (WIDTH - w) >> 1];
  for (let y = 0; y < h; y++) for (let x = 0; x < w; x++) {
    const grey = values[y * w + x];
    const ink = stretch ? PAPER - stretch * (paper - grey) : grey;
    scan[(y + top) * WIDTH + x + left] = Math.min(PAPER, Math.max(0, Math.round(ink)));
  }
  return scan;
}
