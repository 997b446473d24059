// The page: what is drawn is read after each stroke, and what was read is shown.

import { abilities, networks, read } from "./backend.js";
import { Sheet } from "./sheet.js";

const SAMPLES = 6;
const HEADS = ["root", "vowel", "consonant"];
const part = (id) => document.getElementById(id);
const percent = (value) => `${(100 * value).toFixed(value > 0.9995 || value < 0.0995 ? 1 : 0)}\u202f%`;

const sheet = new Sheet(part("paper"), { began: touched, changed });
let asking = null; // the request under way
let known = []; // networks

function element(name, { text, ...attributes } = {}, ...children) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

function touched() {
  part("undo").disabled = part("clear").disabled = sheet.empty;
  part("hint").hidden = !sheet.empty;
}

async function changed() {
  touched();
  asking?.abort();
  if (sheet.empty) {
    forget();
    return;
  }
  const mine = (asking = new AbortController());
  try {
    const answer = await read({
      ...(await sheet.picture()),
      network: part("network").value,
      explain: part("explain").checked,
      compare: known.length > 1,
      signal: mine.signal,
    });
    if (mine === asking) show(answer);
  } catch (error) {
    if (error.name !== "AbortError" && mine === asking) trouble(error.message);
  }
}

function trouble(text) {
  part("trouble").hidden = !text;
  part("trouble").textContent = text ? `It couldn't be read: ${text}` : "";
}

function forget() {
  trouble("");
  part("grapheme").textContent = "";
  part("sure").textContent = "Nothing is drawn yet.";
  part("said").textContent = "";
  part("time").textContent = "";
  for (const id of [...HEADS, "graphemes", "looks", "compare"]) part(id).replaceChildren();
}

function show(answer) {
  trouble("");
  const [found] = answer.pictures;
  part("grapheme").textContent = found.grapheme;
  const first = found.graphemes.find((one) => one.text === found.grapheme) ?? found.graphemes[0];
  const sure = first.text === found.grapheme ? percent(first.probability) : "";
  part("sure").textContent = sure ? `${sure} sure` : "Read";
  part("graphemes").replaceChildren(
    ...found.graphemes.map(({ text, probability }) =>
      element("li", {}, element("span", { text, lang: "bn" }), element("span", { text: percent(probability) })),
    ),
  );
  for (const head of HEADS) part(head).replaceChildren(...found[head].best.map((one) => bar(one, found[head].label)));
  part("said").textContent = `Read as ${found.grapheme}${sure ? `, ${sure}` : ""}.`;
  part("time").textContent = `Read in ${Math.round(answer.milliseconds)} ms.`;
  looks(answer.explanation);
  compare(answer.networks);
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
  const drawn = element("span", { class: "bar", "aria-hidden": "true" }, line);
  return element("li", label === given ? { class: "given" } : {}, sign, element("span", {}, share, drawn));
}

function looks(explanation) {
  if (!explanation) {
    part("looks").replaceChildren();
    return;
  }
  const figures = [["seen", null], ...Object.entries(explanation.looked)].map(([name, heat]) => {
    const alt = heat ? `where it looked for the ${name}` : "the picture as the network sees it";
    const stack = element("div", { class: "stack" }, element("img", { src: explanation.seen, alt }));
    if (heat) stack.append(element("img", { src: heat, alt: "" }));
    return element("figure", {}, stack, element("figcaption", { text: name }));
  });
  part("looks").replaceChildren(...figures);
}

function compare(answers) {
  part("compare").replaceChildren(
    ...Object.entries(answers ?? {}).map(([name, [found]]) =>
      element(
        "tr",
        {},
        element("th", { text: name, scope: "row" }),
        element("td", { text: found.grapheme, lang: "bn" }),
        element("td", { text: percent(Math.min(...HEADS.map((head) => given(found[head])))) }),
      ),
    ),
  );
}

function given({ label, best }) {
  return best.find((one) => one.label === label)?.probability ?? 0;
}

async function open(file) {
  if (!file) return;
  if (!["image/png", "image/jpeg"].includes(file.type)) {
    trouble(`${file.name || "that"} is no PNG or JPEG.`);
    return;
  }
  try {
    sheet.show(await createImageBitmap(file), file);
  } catch {
    trouble(`${file.name || "that"} can't be opened as a picture.`);
  }
}

async function sample(number) {
  const answer = await fetch(`samples/${number}.png`);
  open(new File([await answer.blob()], `sample ${number}`, { type: "image/png" }));
}

function brush(by) {
  const slider = part("brush");
  slider.value = Number(slider.value) + by;
  sheet.width = Number(slider.value);
}

part("undo").addEventListener("click", () => sheet.undo());
part("clear").addEventListener("click", () => sheet.clear());
part("brush").addEventListener("input", () => brush(0));
part("file").addEventListener("change", (event) => {
  open(event.target.files[0]);
  event.target.value = "";
});
part("explain").addEventListener("change", changed);
part("network").addEventListener("change", () => {
  note();
  changed();
});
document.addEventListener("keydown", (event) => {
  if (event.target.matches("input:not([type=range]):not([type=checkbox]), select") || event.altKey) return;
  if (event.key.toLowerCase() === "z" && (event.ctrlKey || event.metaKey)) sheet.undo();
  else if (event.ctrlKey || event.metaKey) return;
  else if (event.key === "Escape") sheet.clear();
  else if (event.key === "[") brush(-2);
  else if (event.key === "]") brush(2);
  else if (event.key >= "1" && event.key <= String(SAMPLES)) sample(Number(event.key));
  else return;
  event.preventDefault();
});

// A picture dropped anywhere on the page, or pasted.
for (const kind of ["dragenter", "dragover"]) {
  document.addEventListener(kind, (event) => {
    event.preventDefault();
    part("sheet").classList.add("over");
  });
}
document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) part("sheet").classList.remove("over");
});
document.addEventListener("drop", (event) => {
  event.preventDefault();
  part("sheet").classList.remove("over");
  open(event.dataTransfer.files[0]);
});
document.addEventListener("paste", (event) => open([...event.clipboardData.files][0]));

function note() {
  const one = known.find(({ name }) => name === part("network").value);
  const demo = one?.demo ? ", which learned from drawings made from fonts alone" : "";
  part("network-note").textContent = one ? `Read by ${one.name} at ${one.image_size}${demo}.` : "";
}

async function begin() {
  part("docs").hidden = !abilities.docs;
  part("explain-label").hidden = !abilities.looks;
  part("samples").replaceChildren(
    ...Array.from({ length: SAMPLES }, (_, index) => {
      const button = element("button", { type: "button" }, element("img", { src: `samples/${index + 1}.png`, alt: `Sample ${index + 1}`, width: 236, height: 137 }));
      button.addEventListener("click", () => sample(index + 1));
      return element("li", {}, button);
    }),
  );
  // Else it would be fetched for the first answer, which would come in boxes.
  const letters = document.fonts.load('16px "Page Bengali"', "ক").catch(() => []);
  try {
    known = await networks();
  } catch {
    trouble("the networks can't be reached.");
    return;
  }
  part("network").replaceChildren(...known.map(({ name }) => element("option", { text: name, value: name })));
  part("networks-part").hidden = known.length < 2;
  note();
  await letters;
  document.documentElement.dataset.ready = "true";
}

begin();
