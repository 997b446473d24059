// The page: what is drawn is read after each stroke, and what was read is shown.

import { abilities, networks, read } from "./backend.js";
import { fileOf, opened } from "./opening.js";
import { element, forget, isBlank, looks, part, show, trouble } from "./reading.js";
import { Sheet } from "./sheet.js";

const SAMPLES = 6;
const LATE = 300; // milliseconds after which what was read before is marked as old
const EMPTY = "Nothing is drawn yet.";

const sheet = new Sheet(part("paper"), { began: () => opens(null), changed });
let asking = null; // the request under way
let opening = null, slow; // the turn of the picture that is being opened, and when that is said
let known = []; // networks
// Until they are there. Another page than a server's has its own sentence, from before any module.
let unready = part("sure").textContent || "Loading \u2026";
let failure = ""; // what the button tries again

function touched() {
  enable("undo", sheet.undoable || opening);
  enable("clear", !sheet.empty || opening);
  part("hint").hidden = !sheet.empty;
  if (!sheet.empty && part("sure").textContent === EMPTY) part("sure").textContent = "Drawing \u2026";
}

// A button that has the keyboard's focus hands it to the sheet, or it would be lost.
function enable(id, whether) {
  if (!whether && document.activeElement === part(id)) part("paper").focus({ preventScroll: true });
  part(id).disabled = !whether;
}

async function changed() {
  touched();
  asking?.abort();
  const mine = (asking = new AbortController());
  busy(!sheet.empty);
  if (sheet.empty) {
    forget(known.length ? EMPTY : unready);
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
    if (mine === asking) show(answer, blank, known.find(({ name }) => name === answer.network)?.rule);
  } catch (error) {
    if (error.name === "AbortError" || mine !== asking) return;
    failed(`It couldn't be read: ${error.message}`, !error.refused);
  } finally {
    clearTimeout(late);
    if (mine === asking) busy(false);
  }
}

// What is shown was of another picture.
function failed(sentence, again) {
  forget("");
  failure = sentence;
  trouble(sentence, again);
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

// Fetching and decoding a picture takes a while, and what is done meanwhile is newer: then it has no
// turn any more and isn't shown. null: nothing is being opened.
function opens(turn) {
  opening = turn;
  clearTimeout(slow);
  part("opening").textContent = "";
  if (turn) slow = setTimeout(() => (part("opening").textContent = "Opening the picture \u2026"), LATE);
  touched();
}

// file: one, or a promise of it.
async function open(file) {
  const mine = {};
  opens(mine);
  try {
    const { image, source } = await opened(await file);
    if (mine !== opening) return;
    opens(null);
    sheet.show(image, source);
  } catch (error) {
    if (mine !== opening) return;
    opens(null);
    unopened(error.message);
  }
}

// What failed before may still be tried again.
function unopened(sentence) {
  const again = !part("again").hidden;
  trouble(again ? `${sentence} ${failure}` : sentence, again);
}

const sample = (number) => open(fileOf(part("samples").querySelectorAll("img")[number - 1], `Sample ${number}`));

function undo() {
  if (opening) opens(null);
  else sheet.undo();
}

function clear() {
  opens(null);
  sheet.clear();
}

function brush(by) {
  const slider = part("brush");
  slider.value = Number(slider.value) + by;
  sheet.width = Number(slider.value);
}

part("undo").addEventListener("click", undo);
part("clear").addEventListener("click", clear);
part("brush").addEventListener("input", () => brush(0));
part("file").addEventListener("change", (event) => {
  given(event.target.files);
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
  if (event.key.toLowerCase() === "z" && (event.ctrlKey || event.metaKey)) undo();
  else if (event.ctrlKey || event.metaKey) return;
  else if (event.key === "Escape") clear();
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
  given(event.dataTransfer.files);
});
document.addEventListener("paste", (event) => given(event.clipboardData.files));

function given([file]) {
  if (file) open(file);
}

function note() {
  const one = known.find(({ name }) => name === part("network").value);
  const demo = one?.demo ? ", which learned from drawings made from fonts alone" : "";
  part("network-note").textContent = one ? `Read by ${one.name} at ${one.image_size}${demo}.` : "";
}

function begin() {
  part("samples-part").hidden = false;
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
    failed(`The networks can't be had: ${error.message}`, true);
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
  forget(unready);
  const letters = document.fonts.load('16px "Page Bengali"', "ক").catch(() => []);
  known = await networks((sentence) => {
    unready = sentence;
    if (part("trouble").hidden) part("sure").textContent = sentence;
  });
  part("network").replaceChildren(...known.map(({ name }) => element("option", { text: name, value: name })));
  part("networks-part").hidden = known.length < 2;
  note();
  await letters;
  if (sheet.empty) forget(EMPTY);
  document.documentElement.dataset.ready = "true";
}

begin();
