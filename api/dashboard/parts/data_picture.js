/* The numbers behind a picture that was uploaded, in the very pixels the field was fitted to. */

import { fetchBytes, getArray } from '/assets/api.js';

const PREVIEW = [16, 1024]; /* widths that previews have */
const RANGES = [[Uint8Array, 255], [Uint16Array, 65535]]; /* of whole numbers; others are as they are */


/* A part of an array [H, W(, C)] of whole rows. */
function cut({ shape, data }, { x, y, width, height }, divisor) {
  const [, across, channels = 1] = shape;
  const out = new Float32Array(width * height * channels);
  for (let row = 0; row < height; row++) {
    const from = ((y + row) * across + x) * channels;
    for (let i = 0; i < width * channels; i++) out[row * width * channels + i] = data[from + i] / divisor;
  }
  return { shape: [height, width, channels], data: out };
}

/* Bytes of a canvas, as many channels as the data has: its first (grey), colours, and alpha. */
function fromPixels(pixels, { width, height }, channels) {
  const takes = { 1: [0], 2: [0, 3], 3: [0, 1, 2], 4: [0, 1, 2, 3] }[channels];
  const out = new Float32Array(width * height * channels);
  for (let i = 0; i < width * height; i++) takes.forEach((from, c) => (out[i * channels + c] = pixels[4 * i + from] / 255));
  return { shape: [height, width, channels], data: out };
}

/* No colour management: fields learn the numbers that are stored. */
async function decoded(path, part, channels, signal) {
  const blob = await (await fetchBytes(path, { signal })).blob();
  const bitmap = await createImageBitmap(blob, part.x, part.y, part.width, part.height, { colorSpaceConversion: 'none' });
  const canvas = new OffscreenCanvas(part.width, part.height);
  const g = canvas.getContext('2d', { willReadFrequently: true });
  g.drawImage(bitmap, 0, 0);
  bitmap.close();
  return fromPixels(g.getImageData(0, 0, part.width, part.height).data, part, channels);
}

/* part: { x, y, width, height } in pixels of the dataset (kind image) → { shape: [H, W, C], data: values 0…1 }. */
export async function dataPicture(dataset, part, signal) {
  const { width, channels } = dataset.info;
  if (dataset.media_type === 'application/x-npy') {
    const array = await getArray(`/v1/datasets/${dataset.id}/content`, { signal }).catch(() => null);
    if (array) return cut(array, part, RANGES.find(([type]) => array.data instanceof type)?.[1] ?? 1);
  }
  const hasPreview = width >= PREVIEW[0] && width <= PREVIEW[1];
  const isPlain = /^image\/(png|jpeg)$/.test(dataset.media_type);
  if (!isPlain && !hasPreview) throw new Error('the data cannot be read here');
  const path = isPlain ? `/v1/datasets/${dataset.id}/content` : `/v1/datasets/${dataset.id}/preview?width=${width}`;
  return decoded(path, part, channels, signal);
}
