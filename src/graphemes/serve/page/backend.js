// What reads: the server that this page came from. A page without a server has another file here.

export async function networks() {
  const answer = await fetch("networks");
  if (!answer.ok) throw new Error(answer.statusText);
  return (await answer.json()).networks;
}

// scan: bytes of 137 x 236 grey levels; or file: a PNG or JPEG. What comes back is /predict's answer.
export async function read({ scan, file, network, explain, compare, signal }) {
  const words = new URLSearchParams({ network, explain, compare });
  const answer = await fetch(`predict?${words}`, {
    method: "POST",
    body: file ?? scan,
    headers: { "Content-Type": file ? file.type : "application/octet-stream" },
    signal,
  });
  const content = await answer.json();
  if (!answer.ok) throw new Error(content.error);
  return content;
}

// What there is beside reading: a page for programs, and where the network looks.
export const abilities = { docs: true, looks: true };
