/* Files in a ZIP (and so in an NPZ), read where they lie: of a long archive only the directory and what is wanted.
 *
 *   const files = await openZip(size, async (from, to) => Uint8Array)    bytes from … to - 1
 *   const bytes = await files.get('poses.npy')()                        files: Map of name → function
 *   const arrays = await openNpz(bytes)                                 { poses: { shape, data }, … }
 *
 * Archives over 4 GiB (ZIP64) are not read. */

import { readArray } from '/assets/api.js';

const END = 0x06054b50;
const ENTRY = 0x02014b50;
const LONGEST_END = 22 + 65535; /* with a comment */

const viewOf = (bytes) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

function findEnd(tail) {
  const view = viewOf(tail);
  for (let i = tail.length - 22; i >= 0; i--) if (view.getUint32(i, true) === END) return i;
  throw new Error('this is no ZIP archive');
}

async function inflate(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('deflate-raw'));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

async function unpack(read, { method, packed, at }) {
  const head = viewOf(await read(at, at + 30));
  const from = at + 30 + head.getUint16(26, true) + head.getUint16(28, true);
  const bytes = await read(from, from + packed);
  if (method === 0) return bytes;
  if (method === 8) return inflate(bytes);
  throw new Error('the archive is packed in another way than by deflate');
}

export async function openZip(size, read) {
  const tail = await read(Math.max(0, size - LONGEST_END), size);
  const end = findEnd(tail);
  const last = viewOf(tail);
  const n = last.getUint16(end + 10, true);
  const from = last.getUint32(end + 16, true);
  const bytes = await read(from, from + last.getUint32(end + 12, true));
  const directory = viewOf(bytes);
  const files = new Map();
  for (let i = 0, at = 0; i < n && directory.getUint32(at, true) === ENTRY; i++) {
    const [nameLength, extraLength, commentLength] = [28, 30, 32].map((k) => directory.getUint16(at + k, true));
    const name = new TextDecoder().decode(bytes.subarray(at + 46, at + 46 + nameLength));
    const entry = { method: directory.getUint16(at + 10, true), packed: directory.getUint32(at + 20, true), at: directory.getUint32(at + 42, true) };
    files.set(name, () => unpack(read, entry));
    at += 46 + nameLength + extraLength + commentLength;
  }
  return files;
}

export async function openNpz(bytes) {
  const files = await openZip(bytes.length, async (from, to) => bytes.subarray(from, to));
  const arrays = {};
  for (const [name, file] of files) arrays[name.replace(/\.npy$/, '')] = readArray(await file());
  return arrays;
}
