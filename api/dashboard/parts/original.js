/* What a field was fitted to, as a picture in the browser, for a look beside it.
 *
 *   const original = await loadOriginal(dataset, field, signal)    null where there is none to be shown
 *   original.bitmap            as drawImage() takes it; as wide as the data, or where `isPreview`, smaller
 *   original.valueAt([x, y])   the numbers of the pixel at a place in source coordinates, in the field's scale; null where
 *                              the browser has them no longer exactly */

import { fetchBytes } from '/assets/api.js';

const MOST_READ = 16 * 1024 * 1024; /* pixels whose numbers are kept at hand */

/* Where the field was fitted to what a picture divided by its largest value shows, the picture is shown so, too. */
function brighten(g, width, height, factor) {
  const pixels = g.getImageData(0, 0, width, height);
  for (let i = 0; i < pixels.data.length; i++) if (i % 4 !== 3) pixels.data[i] = Math.round(pixels.data[i] * factor);
  g.putImageData(pixels, 0, 0);
}

export async function loadOriginal(dataset, field, signal) {
  if (dataset?.kind !== 'image') return null;
  const [height, width] = field.domain.shape;
  const isReadable = /^image\/(png|jpeg)$/.test(dataset.media_type);
  const path = `/v1/datasets/${dataset.id}/${isReadable ? 'content' : `preview?width=${Math.min(Math.max(width, 16), 1024)}`}`;
  const blob = await (await fetchBytes(path, { signal })).blob();
  /* Numbers as they are stored: no profile, no gamma, colours not multiplied by alpha. */
  const bitmap = await createImageBitmap(blob, { colorSpaceConversion: 'none', premultiplyAlpha: 'none' });
  const scale = field.metrics.scale ?? 1;
  if (bitmap.width * bitmap.height > MOST_READ) return { bitmap, isPreview: bitmap.width !== width, valueAt: () => null };
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
  const g = canvas.getContext('2d', { willReadFrequently: true });
  g.drawImage(bitmap, 0, 0);
  if (scale !== 1) brighten(g, bitmap.width, bitmap.height, 1 / scale);
  const isPreview = bitmap.width !== width || bitmap.height !== height;
  const isExact = isReadable && !isPreview && dataset.info.bits_per_channel === 8;
  return {
    bitmap: canvas,
    isPreview,
    valueAt([x, y]) {
      if (!isExact || x < 0 || y < 0 || x >= width || y >= height) return null;
      const rgba = g.getImageData(Math.floor(x), Math.floor(y), 1, 1).data;
      if (rgba[3] < 255) return null; /* a canvas multiplies colours by alpha */
      return Array.from(rgba.slice(0, field.n_outputs === 2 ? 1 : field.n_outputs), (v) => v / 255);
    },
  };
}
