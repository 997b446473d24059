// The page: what is drawn is read after each stroke, and what was read is shown.

import { abilities, networks, read } from "./backend.js";
import { element, forget, isBlank, looks, part, show, trouble } from "./reading.js";
import { Sheet } from "./sheet.js";

const SAMPLES = 6;
const LATE = 300; // milliseconds after which what was read before is marked as old
const UNREADY = part("sure").textContent; // until the networks are there
const EMPTY = "Nothing is drawn yet.";

const sheet = new Sheet(part("paper"), { began: touched, changed });
let asking = null; // the request under way
let known = []; // networks

function touched() {
  part("undo").disabled = part("clear").disabled = sheet.empty;
  part("hint").hidden = !sheet.empty;
  if (!sheet.empty && part("sure").textContent === EMPTY) part("sure").textContent = "Drawing \u2026";
}

async function changed() {
  touched();
  asking?.abort();
  const mine = (asking = new AbortController());
  busy(!sheet.empty);
  if (sheet.empty) {
    forget(known.length ? EMPTY : UNREADY);
    if (!known.length) again();
    return;
  }
  const late = setTimeout(() => mine === asking && old(), LATE);
  try {
    const picture = await sheet.picture();
    await ready();
    const answer = await read({
      ...picture,
      network: part("network").value,
      explain: abilities.looks,
      compare: known.length > 1,
      signal: mine.signal,
    });
    const blank = await isBlank(answer.explanation);
    if (mine === asking) show(answer, blank);
  } catch (error) {
    if (error.name === "AbortError" || mine !== asking) return;
    forget(""); // it was of another picture
    trouble(`It couldn't be read: ${error.message}`, true);
  } finally {
    clearTimeout(late);
    if (mine === asking) busy(false);
  }
}

function busy(whether) {
  part("reading").setAttribute("aria-busy", whether);
  if (!whether) part("reading").classList.remove("old");
}

// What is shown, if anything, is of an earlier picture than the one that is read.
function old() {
  if (part("time").textContent) part("reading").classList.add("old");
  else if (known.length) part("sure").textContent = "Reading \u2026";
}

async function open(file) {
  if (!file) return;
  if (!["image/png", "image/jpeg"].includes(file.type)) {
    trouble(`${file.name || "That"} is no PNG or JPEG.`);
    return;
  }
  try {
    sheet.show(await createImageBitmap(file), file);
  } catch {
    trouble(`${file.name || "That"} can't be opened as a picture.`);
  }
}

async function sample(number) {
  const answer = await fetch(`samples/${number}.png`).catch(() => null);
  if (answer?.ok) open(new File([await answer.blob()], `Sample ${number}`, { type: "image/png" }));
  else trouble(`Sample ${number} can't be fetched.`);
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
part("explain").addEventListener("change", () => looks());
part("again").addEventListener("click", again);
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

function begin() {
  part("docs").hidden = !abilities.docs;
  part("explain-label").hidden = !abilities.looks;
  part("samples").replaceChildren(
    ...Array.from({ length: SAMPLES }, (_, index) => {
      const button = element("button", { type: "button" }, element("img", { src: `samples/${index + 1}.png`, alt: `Sample ${index + 1}`, width: 236, height: 137 }));
      button.addEventListener("click", () => sample(index + 1));
      return element("li", {}, button);
    }),
  );
  again();
}

// Tries once more what failed: to read or, before, to load the networks.
async function again() {
  if (!sheet.empty) return changed();
  try {
    await ready();
  } catch (error) {
    forget("");
    trouble(`The networks can't be had: ${error.message}`, true);
  }
}

// The networks, asked for once; once more after it failed.
let asked = null;
function ready() {
  asked ??= start().catch((error) => {
    asked = null;
    throw error;
  });
  return asked;
}

async function start() {
  // Else it would be fetched for the first answer, which would come in boxes.
  const letters = document.fonts.load('16px "Page Bengali"', "ক").catch(() => []);
  try {
    known = await networks();
  } finally {
    part("stays")?.remove(); // ready, or what is wrong is said
  }
  part("network").replaceChildren(...known.map(({ name }) => element("option", { text: name, value: name })));
  part("networks-part").hidden = known.length < 2;
  note();
  await letters;
  if (sheet.empty) forget(EMPTY);
  document.documentElement.dataset.ready = "true";
}

begin();
