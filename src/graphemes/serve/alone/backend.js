// What reads on a page without a server: the networks themselves, by onnxruntime-web, in this browser.

import * as ort from "./ort.wasm.bundle.min.mjs";
import { HEIGHT, WIDTH, greys } from "./sheet.js";

export const abilities = { docs: false, looks: false };
const HEADS = ["root", "vowel", "consonant"];
const BEST = 5; // classes and graphemes that are given, as by the server
const DARK_INK = 42; // grey level of the darkest strokes of scans, the median of 300
const STROKE = 0.12; // share of the longer side: no stroke of a pen is as wide
const FAINT = 30; // grey levels between paper and the darkest: with less nothing was written

ort.env.wasm.numThreads = 1; // more need headers that an ordinary host doesn't send
ort.env.wasm.wasmPaths = { wasm: new URL("ort-wasm-simd-threaded.wasm", import.meta.url).href };
const loading = load();

async function load() {
  const about = await (await fetch("reading.json")).json();
  const session = await ort.InferenceSession.create("graphemes.onnx", { executionProviders: ["wasm"] });
  return { about: { ...about, rule: unpacked(about.rule) }, session };
}

export async function networks() {
  const { about, session } = await loading;
  // The first picture takes longer than all others: not the one that is drawn.
  await session.run({ scan: new ort.Tensor("uint8", new Uint8Array(HEIGHT * WIDTH).fill(255), [1, HEIGHT, WIDTH]) });
  return [about.network];
}

export async function read({ scan, file, signal }) {
  const began = performance.now();
  const { about, session } = await loading;
  const pixels = file ? even(await greyOf(file)) : scan;
  const found = await session.run({ scan: new ort.Tensor("uint8", pixels, [1, HEIGHT, WIDTH]) });
  if (signal?.aborted) throw new DOMException("another was drawn", "AbortError");
  const chances = HEADS.map((head) => found[`probability_${head}`].data);
  const labels = weighed(chances, about.rule).map((values) => best(values, 1)[0]);
  const answer = { grapheme: spelled(labels, about), graphemes: graphemes(chances, about) };
  HEADS.forEach((head, which) => {
    const classOf = (label) => ({ label, text: about.signs[head][label], probability: chances[which][label] });
    answer[head] = { ...classOf(labels[which]), best: best(chances[which], BEST).map(classOf) };
  });
  return {
    network: about.network.name,
    pictures: [answer],
    explanation: { seen: address(found.ink), looked: {} },
    milliseconds: performance.now() - began,
  };
}

// The greatest values' places, the greatest first; of equal ones the first.
function best(values, count) {
  return Array.from(values.keys()).sort((a, b) => values[b] - values[a] || a - b).slice(0, count);
}

function spelled([root, vowel, consonant], { spelling }) {
  const [before, after, last] = spelling.around[consonant];
  return before + spelling.roots[root] + after + spelling.vowels[vowel] + last;
}

// The likeliest graphemes: the product of their three classes, among each head's best.
function graphemes(chances, about) {
  const tops = chances.map((values) => best(values, BEST));
  const found = [];
  for (const root of tops[0]) for (const vowel of tops[1]) for (const consonant of tops[2]) {
    const probability = chances[0][root] * chances[1][vowel] * chances[2][consonant];
    found.push({ text: spelled([root, vowel, consonant], about), probability });
  }
  return found.sort((a, b) => b.probability - a.probability).slice(0, BEST);
}

// The decision rule, as evaluation/decide.py has it: class weights, and of `joint` first the sums
// over graphemes times their prior.
export function unpacked(rule) {
  const floats = (text) => new Float32Array(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer);
  return { weights: rule.weights?.map(floats), priors: rule.priors?.map(floats) };
}

export function weighed(chances, { weights, priors }) {
  const each = chances.map((values, head) => (priors ? summed(chances, priors[head], head) : values));
  return weights ? each.map((values, head) => values.map((value, label) => value * weights[head][label])) : each;
}

function summed([root, vowel, consonant], prior, head) {
  const sums = new Float64Array([root, vowel, consonant][head].length);
  let place = 0;
  for (let r = 0; r < root.length; r++) for (let v = 0; v < vowel.length; v++) {
    const pair = root[r] * vowel[v];
    for (let c = 0; c < consonant.length; c++) sums[[r, v, c][head]] += pair * consonant[c] * prior[place++];
  }
  return sums;
}

// A photograph of paper as a scan: light and shadow taken out, the ink dark, in the middle of a
// sheet. Simpler than images/photographs.py: at a scan's size from the start.
async function greyOf(file) {
  const image = await createImageBitmap(file);
  const fit = Math.min((WIDTH - 32) / image.width, (HEIGHT - 32) / image.height);
  const same = image.width === WIDTH && image.height === HEIGHT; // a scan: taken as it is
  const [w, h] = same ? [WIDTH, HEIGHT] : [Math.round(image.width * fit), Math.round(image.height * fit)];
  const context = new OffscreenCanvas(w, h).getContext("2d", { willReadFrequently: true });
  context.fillStyle = "#fff";
  context.fillRect(0, 0, w, h);
  context.imageSmoothingQuality = "high";
  context.drawImage(image, 0, 0, w, h);
  return { grey: greys(context), w, h, same };
}

function even({ grey, w, h, same }) {
  const scan = new Uint8Array(WIDTH * HEIGHT).fill(255);
  if (same) return scan.map((_, pixel) => Math.round(grey[pixel]));
  const reach = Math.max(2, Math.round((STROKE * Math.max(w, h)) / 2));
  const sorted = Float32Array.from(grey).sort();
  const middle = sorted[sorted.length >> 1];
  // Ink is the rarer: on dark paper most pixels are dark.
  const light = sorted[sorted.length - 1 - (sorted.length >> 7)] - middle > middle - sorted[sorted.length >> 7];
  const upright = light ? grey.map((value) => 255 - value) : grey;
  const paper = blurred(widest(upright, w, h, reach), w, h, reach);
  const flat = upright.map((value, pixel) => Math.min(1, value / Math.max(1, paper[pixel])) * 255);
  const darkest = Float32Array.from(flat).sort()[Math.floor(0.005 * flat.length)];
  const depth = 255 - darkest;
  const stretch = depth > FAINT ? Math.max(1, (255 - DARK_INK) / depth) : 1;
  const [top, left] = [(HEIGHT - h) >> 1, (WIDTH - w) >> 1];
  for (let y = 0; y < h; y++) for (let x = 0; x < w; x++) {
    scan[(y + top) * WIDTH + x + left] = Math.max(0, Math.round(255 - stretch * (255 - flat[y * w + x])));
  }
  return scan;
}

// The lightest level within a stroke's reach is paper's.
const widest = (values, w, h, reach) => around(values, w, h, reach, (a, b) => Math.max(a, b), false);
const blurred = (values, w, h, reach) => around(values, w, h, reach, (a, b) => a + b, true);

function around(values, w, h, reach, join, mean) {
  const along = (from, length, other, at) => {
    const made = new Float32Array(from.length);
    for (let line = 0; line < other; line++) for (let place = 0; place < length; place++) {
      const first = Math.max(0, place - reach), last = Math.min(length - 1, place + reach);
      let value = from[at(line, first)];
      for (let near = first + 1; near <= last; near++) value = join(value, from[at(line, near)]);
      made[at(line, place)] = mean ? value / (last - first + 1) : value;
    }
    return made;
  };
  return along(along(values, w, h, (y, x) => y * w + x), h, w, (x, y) => y * w + x);
}

// What the network saw, (1, 1, H, W) of 0 paper to 1 ink, as a picture.
function address({ data, dims: [, , height, width] }) {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [width, height];
  const context = canvas.getContext("2d");
  const picture = context.createImageData(width, height);
  data.forEach((ink, pixel) => {
    const grey = 255 * (1 - ink);
    picture.data.set([grey, grey, grey, 255], 4 * pixel);
  });
  context.putImageData(picture, 0, 0);
  return canvas.toDataURL();
}
