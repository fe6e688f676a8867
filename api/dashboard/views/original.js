/* The voxels that a field was fitted to, read from the dataset's own file: NPY, and NIfTI in one file, gzipped or not.
 *
 *   canRead(dataset)                            is it worth trying?
 *   const original = await readOriginal(dataset, signal)
 *   original.slice(plane, unit) → { shape: [H, W, C], data }     of values as the field has them, 0…1; see views/planes.js
 *   original.at(unit) → [value, …]              of the voxel there */

import { fetchBytes, readArray } from '/assets/api.js';
import { voxelOf } from '/assets/views/planes.js';

const MOST_VOXELS = 32 * 1024 * 1024;
const NIFTI = 348; /* bytes of its header */
const NUMBERS = { 2: Uint8Array, 4: Int16Array, 8: Int32Array, 16: Float32Array, 64: Float64Array, 256: Int8Array, 512: Uint16Array, 768: Uint32Array };

export const canRead = (dataset) => dataset?.kind === 'volume' && !/nrrd/i.test(dataset.media_type) && dataset.info.shape.reduce((a, b) => a * b) <= MOST_VOXELS;

async function unpacked(response) {
  const bytes = new Uint8Array(await response.arrayBuffer());
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes;
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/* Numbers of `size` bytes each, the other way round. */
function swap(bytes, size) {
  for (let i = 0; i < bytes.length; i += size) bytes.subarray(i, i + size).reverse();
  return bytes;
}

function niftiNumbers(bytes, n) {
  const head = new DataView(bytes.buffer, bytes.byteOffset);
  const isLittle = head.getInt32(0, true) === NIFTI;
  const kind = (isLittle || head.getInt32(0) === NIFTI) && NUMBERS[head.getInt16(70, isLittle)];
  if (!kind) throw new Error('This file’s own voxels cannot be read here.');
  const [from, slope, intercept] = [108, 112, 116].map((at) => head.getFloat32(at, isLittle));
  const numbers = bytes.slice(from, from + n * kind.BYTES_PER_ELEMENT);
  const data = new kind((isLittle ? numbers : swap(numbers, kind.BYTES_PER_ELEMENT)).buffer);
  return slope ? { data, slope, intercept } : { data, slope: 1, intercept: 0 };
}

/* place(voxel, c): where a number stands.  Channels follow one another as whole volumes in NIfTI, side by side in NPY. */
function numbersOf(bytes, [depth, height, width, channels]) {
  const n = depth * height * width;
  if (bytes[0] === 0x93) return { data: readArray(bytes).data, slope: 1, intercept: 0, place: (voxel, c) => voxel * channels + c };
  return { ...niftiNumbers(bytes, n * channels), place: (voxel, c) => c * n + voxel };
}

export async function readOriginal(dataset, signal) {
  const { shape, value_range: [low, high] } = dataset.info;
  const [depth, height, width, channels] = shape;
  const { data, slope, intercept, place } = numbersOf(await unpacked(await fetchBytes(`/v1/datasets/${dataset.id}/content`, { signal })), shape);
  const counts = [width, height, depth];
  const range = high - low || 1;
  const value = ([i, j, k], c) => (slope * data[place((k * height + j) * width + i, c)] + intercept - low) / range;
  const voxelAt = (unit) => unit.map((u, axis) => voxelOf(u, counts[axis]));
  return {
    at(unit) {
      const voxel = voxelAt(unit);
      return Array.from({ length: channels }, (_, c) => value(voxel, c));
    },
    slice({ column, row, mirrored }, unit) {
      const voxel = voxelAt(unit);
      const [w, h] = [counts[column], counts[row]];
      const pixels = new Float32Array(w * h * channels);
      for (let y = 0, n = 0; y < h; y++) {
        voxel[row] = mirrored.row ? h - 1 - y : y;
        for (let x = 0; x < w; x++) {
          voxel[column] = mirrored.column ? w - 1 - x : x;
          for (let c = 0; c < channels; c++) pixels[n++] = value(voxel, c);
        }
      }
      return { shape: [h, w, channels], data: pixels };
    },
  };
}
