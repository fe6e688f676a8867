/* What a camera sees, asked for and made into pixels.
 *
 *   request(field, camera, side, output) → { method, path, body }   a square picture
 *   await fetchSight(…, signal) → { side, pixels: ImageBitmap or ImageData, range: [nearest, farthest] or null }
 *   await lookAt(field, camera, x, y, signal) → { colour, depth, opacity, point } of one ray; point null in the void
 *
 * Depth comes as numbers, so that its colours can be told in source units; all else as PNG. */

import { fetchBytes } from '/assets/api.js';
import { openNpz } from '/assets/parts/zip.js';
import { along, throughPlace, toRequest } from '/assets/views/camera.js';

export const OUTPUTS = { color: 'Color', depth: 'Depth', normal: 'Normals', opacity: 'Opacity' };

/* Viridis, from near to far: by Smith and van der Walt, CC0. */
const NEAR_TO_FAR = [[253, 231, 37], [159, 218, 58], [74, 193, 109], [31, 161, 135], [39, 127, 142], [54, 92, 141], [70, 51, 127], [68, 1, 84]];

export function depthColour(t) {
  const at = Math.min(Math.max(t, 0), 1) * (NEAR_TO_FAR.length - 1);
  const i = Math.min(Math.floor(at), NEAR_TO_FAR.length - 2);
  return [0, 1, 2].map((c) => Math.round(NEAR_TO_FAR[i][c] + (at - i) * (NEAR_TO_FAR[i + 1][c] - NEAR_TO_FAR[i][c])));
}

export const depthGradient = () => `linear-gradient(to right, ${NEAR_TO_FAR.map((c) => `rgb(${c.join(' ')})`).join(', ')})`;

/* Void stays transparent. */
function depthPixels({ shape: [height, width], data }) {
  let [least, most] = [Infinity, 0];
  for (const t of data) {
    if (t <= 0) continue;
    least = Math.min(least, t);
    most = Math.max(most, t);
  }
  const pixels = new ImageData(width, height);
  data.forEach((t, i) => t > 0 && pixels.data.set([...depthColour((t - least) / (most - least || 1)), 255], 4 * i));
  return { pixels, range: most > 0 ? [least, most] : null };
}

export function request(field, camera, side, output, format = 'png') {
  return {
    method: 'POST',
    path: `/v1/fields/${field.id}/render`,
    body: { camera: toRequest(camera), width: side, height: side, outputs: [output].flat(), format },
  };
}

async function send({ method, path, body }, signal) {
  return fetchBytes(path, { method, signal, headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) });
}

const sendForArrays = async (question, signal) => openNpz(new Uint8Array(await (await send(question, signal)).arrayBuffer()));

export async function fetchSight(field, camera, side, output, signal) {
  if (output === 'depth') {
    const { depth } = await sendForArrays(request(field, camera, side, output, 'npz'), signal);
    return { side, ...depthPixels(depth) };
  }
  const blob = await (await send(request(field, camera, side, output), signal)).blob();
  return { side, pixels: await createImageBitmap(blob), range: null };
}

export async function lookAt(field, camera, x, y, signal) {
  const ray = throughPlace(camera, x, y);
  const seen = await sendForArrays(request(field, ray, 1, ['color', 'depth', 'opacity'], 'npz'), signal);
  const depth = seen.depth.data[0];
  return { colour: Array.from(seen.color.data), depth, opacity: seen.opacity.data[0], point: depth > 0 ? along(ray, depth) : null };
}

export function draw(canvas, { side, pixels }) {
  canvas.width = canvas.height = side;
  const g = canvas.getContext('2d');
  if (pixels instanceof ImageData) g.putImageData(pixels, 0, 0);
  else g.drawImage(pixels, 0, 0);
}
