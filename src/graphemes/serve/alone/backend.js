// What reads on a page without a server: the networks themselves, by onnxruntime-web, in this browser.

import * as ort from "./ort.wasm.bundle.min.js";
import { scanOf } from "./photographs.js";
import { HEIGHT, WIDTH } from "./sheet.js";

export const abilities = { docs: false, looks: false };
const HEADS = ["root", "vowel", "consonant"];
const BEST = 5; // classes and graphemes that are given, as by the server

ort.env.wasm.numThreads = 1; // more need headers that an ordinary host doesn't send
let loading = null;

// Once; again after it failed. told: called with a sentence as more has come.
function loaded(told) {
  loading ??= load(told).catch((error) => {
    loading = null;
    throw error;
  });
  return loading;
}

async function load(told) {
  const names = ["reading.json", "graphemes.onnx", "ort-wasm-simd-threaded.wasm"];
  // The folder's own, not Content-Length: what a host packs or sends in pieces has another or none.
  const all = Number(document.documentElement.dataset.bytes);
  let come = 0;
  const more = (count) => {
    come = Math.min(all, come + count);
    told?.(`Loading: ${(come / 1e6).toFixed(0)} of ${(all / 1e6).toFixed(0)} MB (${Math.floor((100 * come) / all)}\u202f%); what is drawn meanwhile is read then.`);
  };
  const [json, graph, program] = await Promise.all(names.map((name) => bytes(name, more)));
  const about = JSON.parse(new TextDecoder().decode(json));
  ort.env.wasm.wasmBinary = program;
  const session = await ort.InferenceSession.create(new Uint8Array(graph), { executionProviders: ["wasm"] }).catch((error) => {
    throw new Error(`onnxruntime can't begin: ${error.message}`);
  });
  return { about: { ...about, rule: unpacked(about.rule) }, session };
}

// Fetched here, not by onnxruntime, which tells its users nothing of what failed.
// more: called with how many bytes came.
async function bytes(name, more) {
  let why = "the web host can't be reached";
  try {
    const answer = await fetch(name);
    if (answer.ok) {
      const counted = new TransformStream({
        transform(part, passed) {
          more(part.length);
          passed.enqueue(part);
        },
      });
      return await new Response(answer.body.pipeThrough(counted)).arrayBuffer();
    }
    why = `the web host answers with status ${answer.status}; are all files of the page's folder there?`;
  } catch { /* said below */ }
  throw new Error(`${name} couldn't be loaded: ${why}`);
}

export async function networks(told) {
  const { about, session } = await loaded(told);
  // The first picture takes longer than all others: not the one that is drawn.
  await session.run({ scan: new ort.Tensor("uint8", new Uint8Array(HEIGHT * WIDTH).fill(255), [1, HEIGHT, WIDTH]) });
  return [about.network];
}

export async function read({ scan, file, signal }) {
  const began = performance.now();
  const { about, session } = await loaded();
  const pixels = file ? await scanOf(file) : scan;
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
