// What reads: the server that this page came from. A page without a server has another file here.

export async function networks() {
  return (await answered("networks")).networks;
}

// scan: bytes of 137 x 236 grey levels; or file: a PNG or JPEG. What comes back is /predict's answer.
export function read({ scan, file, network, explain, compare, signal }) {
  const words = new URLSearchParams({ network, explain, compare });
  return answered(`predict?${words}`, {
    method: "POST",
    body: file ?? scan,
    headers: { "Content-Type": file ? file.type : "application/octet-stream" },
    signal,
  });
}

// What the server answers. Throws a sentence where it is none of what was asked for.
async function answered(address, request) {
  let answer, text;
  try {
    answer = await fetch(address, request);
    text = await answer.text();
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error("the server can't be reached; is it still running?");
  }
  const content = parsed(text);
  if (answer.ok && content) return content;
  const why = content?.error ?? `the server answers with status ${answer.status}${WHY[answer.status] ?? ""}.`;
  // The same once more would be refused again.
  throw Object.assign(new Error(why), { refused: REFUSALS.includes(answer.status) });
}

const REFUSALS = [400, 413, 415, 422];

// Of a server that is too busy to say so itself, or of something between it and here.
const WHY = { 502: ": it isn't there", 503: ": it has too much to do; try again in a moment", 504: ": it isn't there" };

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

// What there is beside reading: a page for programs, and where the network looks.
export const abilities = { docs: true, looks: true };
