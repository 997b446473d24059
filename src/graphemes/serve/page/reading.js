// What was read, as the page shows it; and what went wrong in its place.

import { greys } from "./sheet.js";

const HEADS = ["root", "vowel", "consonant"];
const INK = 40; // grey levels below paper: what is lighter is never ink (see images/ink.py)
const HARDLY = 0.002; // share of a picture: a few specks of dust
let explanation = null; // what is shown of where the network looks

export const part = (id) => document.getElementById(id);
const percent = (value) => `${(100 * value).toFixed(value > 0.9995 || value < 0.0995 ? 1 : 0)}\u202f%`;

export function element(name, { text, ...attributes } = {}, ...children) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

// Nothing read, and a sentence why.
export function forget(sentence) {
  trouble("");
  part("grapheme").textContent = "";
  part("sure").textContent = sentence;
  part("said").textContent = "";
  part("time").textContent = "";
  part("why").textContent = "";
  for (const id of [...HEADS, "graphemes"]) part(id).replaceChildren();
  compare(null);
  looks(null);
}

// again: whether the same may be tried once more.
export function trouble(text, again = false) {
  part("trouble").hidden = !text;
  part("trouble").textContent = text;
  part("again").hidden = !again;
}

// blank: whether there is nothing in the picture that could be read; rule: the decision rule's name.
export function show(answer, blank, rule) {
  const [found] = answer.pictures;
  forget("");
  part("time").textContent = `Read in ${Math.round(answer.milliseconds)} ms.`;
  looks(blank ? { ...answer.explanation, looked: {} } : answer.explanation);
  if (blank) {
    part("sure").textContent = part("said").textContent = "No ink is found in this picture.";
    return;
  }
  const sure = sureness(found);
  part("grapheme").textContent = found.grapheme;
  part("sure").textContent = sure ? `${sure} sure` : "Read";
  part("said").replaceChildren("Read as ", bengali(found.grapheme), sure ? `, ${sure} sure.` : ".");
  part("graphemes").replaceChildren(
    ...found.graphemes.map(({ text, probability }) =>
      element("li", {}, bengali(text), element("span", { text: percent(probability) })),
    ),
  );
  for (const head of HEADS) part(head).replaceChildren(...found[head].best.map((one) => bar(one, found[head].label)));
  part("why").textContent = why(found, rule);
  compare(answer.networks);
}

// Why another is given than the likeliest, where that is so.
function why(found, rule) {
  if (!rule || HEADS.every((head) => found[head].label === found[head].best[0].label)) return "";
  return `Not the likeliest: rule \u201c${rule}\u201d weighs rare classes up, as the score does.`;
}

const bengali = (text) => element("span", { text, lang: "bn" });

// How sure of all three labels, as of each grapheme: the product of their probabilities. Nothing
// where the decision rule chose a label that isn't among the likeliest.
function sureness(found) {
  const each = HEADS.map((head) => found[head].best.find((one) => one.label === found[head].label)?.probability);
  return each.includes(undefined) ? "" : percent(each.reduce((product, one) => product * one));
}

function bar({ label, text, probability }, given) {
  const sign = text ? element("span", { text, lang: "bn", class: "sign" }) : element("span", { text: "none", class: "sign none" });
  // Drawn, not styled: the page lets in no style that stands in an element.
  const line = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  line.setAttribute("preserveAspectRatio", "none");
  line.setAttribute("viewBox", "0 0 100 1");
  const filled = document.createElementNS("http://www.w3.org/2000/svg", "rect");
  filled.setAttribute("width", (100 * probability).toFixed(2));
  filled.setAttribute("height", "1");
  line.append(filled);
  const share = element("span", { text: percent(probability), class: "share" });
  if (label === given) share.append(element("span", { text: " \u2713", "aria-hidden": "true" }));
  const drawn = element("span", { class: "bar", "aria-hidden": "true" }, line);
  const marks = label === given ? { class: "given", "aria-current": "true" } : {};
  return element("li", marks, sign, element("span", {}, share, drawn));
}

// What the network sees and, where that is asked for, where it looks.
export function looks(given = explanation) {
  explanation = given ?? null;
  part("sight").hidden = explanation === null && part("time").textContent !== "";
  const heats = explanation && part("explain").checked ? Object.entries(explanation.looked) : [];
  const figures = explanation ? [["seen", null], ...heats] : [];
  part("looks").replaceChildren(
    ...figures.map(([name, heat]) => {
      const alt = heat ? `where it looked for the ${name}` : "the picture as the network sees it";
      const stack = element("div", { class: "stack" }, element("img", { src: explanation.seen, alt }));
      if (heat) stack.append(element("img", { src: heat, alt: "" }));
      return element("figure", {}, stack, element("figcaption", { text: name }));
    }),
  );
}

function compare(answers) {
  part("compare").parentElement.hidden = !answers;
  part("compare").replaceChildren(
    ...Object.entries(answers ?? {}).map(([name, [found]]) =>
      element(
        "tr",
        {},
        element("th", { text: name, scope: "row" }),
        element("td", { text: found.grapheme, lang: "bn" }),
        element("td", { text: sureness(found) }),
      ),
    ),
  );
}

// Whether what the network sees has hardly any ink; false where that isn't known.
export async function isBlank(explanation) {
  if (!explanation) return false;
  const image = new Image();
  image.src = explanation.seen;
  await image.decode();
  const context = new OffscreenCanvas(image.width, image.height).getContext("2d", { willReadFrequently: true });
  context.drawImage(image, 0, 0);
  const values = greys(context);
  return values.filter((grey) => grey < 255 - INK).length < HARDLY * values.length;
}
