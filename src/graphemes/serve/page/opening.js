// A picture that is opened: { image, source }, what is shown of it and the file that is read.

import { LONGEST, smaller } from "./sheet.js";

// More than these serve/bodies.py and images/photographs.py refuse.
const MOST_BYTES = 16_000_000, MOST_PIXELS = 80_000_000;
const SMALLEST = 8, STRIP = 50; // pixels of a side; times as long as wide

// Throws a sentence for what is none.
export async function opened(file) {
  const name = file.name || "That";
  if (!["image/png", "image/jpeg"].includes(file.type)) throw new Error(`${name} is no PNG or JPEG.`);
  const image = await createImageBitmap(file).catch(() => null);
  if (!image) throw new Error(`${name} can't be opened as a picture.`);
  const { width, height } = image;
  const [shorter, longer] = [Math.min(width, height), Math.max(width, height)];
  if (shorter < SMALLEST || longer > STRIP * shorter) {
    throw new Error(`${name} is ${width} \u00d7 ${height} pixels: too narrow for a picture of a grapheme.`);
  }
  const sendable = file.size <= MOST_BYTES && width * height <= MOST_PIXELS;
  if (sendable && longer <= 2 * LONGEST) return { image, source: file };
  const made = smaller(image, Math.min(1, LONGEST / longer));
  image.close(); // up to hundreds of megabytes, which undo would keep
  const source = sendable ? file : await made.convertToBlob({ type: "image/png" });
  return { image: await createImageBitmap(made), source };
}

// A sample's file, of its picture on the page: there also where the network is cut since.
export async function fileOf(picture, name) {
  if (picture.complete && !picture.naturalWidth) picture.src = picture.getAttribute("src"); // it failed: once more
  await picture.decode().catch(() => {
    throw new Error(`${name} can't be fetched.`);
  });
  // Its own size: an element's is that at which it is shown.
  const file = await smaller(await createImageBitmap(picture), 1).convertToBlob({ type: "image/png" });
  return new File([file], name, { type: file.type });
}
