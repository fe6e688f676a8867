/* What a NumPy file says of itself, from its first or last bytes: enough to ask well which kind of data it is.
 *
 *   await sniff(file)  null where the bytes tell the kind to the service, else
 *     { format: 'npy', says: '64 × 64 × 3 of uint8', kinds: KINDS.npy, likely: 'image' }
 *     { format: 'npz', says: 'sinogram, angles', kinds: KINDS.npz, likely: 'sinogram' }
 * likely: the kind that fits what was read, or null. */

import { openZip } from '/assets/parts/zip.js';

const KINDS = {
  npy: [
    { kind: 'image', expects: '[H, W] or [H, W, 1 to 4]: a picture' },
    { kind: 'volume', expects: '[D, H, W] or [D, H, W, 1 to 4]: z, y, x' },
    { kind: 'signal', expects: '[N] or [N, 1 to 4]: samples at i / N' },
  ],
  npz: [
    { kind: 'views', expects: 'images [n, H, W, 3 or 4], poses [n, 4, 4], focal' },
    { kind: 'sinogram', expects: 'sinogram [A, W], angles [A] in radians' },
    { kind: 'kspace', expects: 'kspace [H, W] or [D, H, W], complex, and mask of that shape' },
  ],
};

function likelyOfShape(shape) {
  const last = shape[shape.length - 1];
  if (shape.length === 1) return 'signal';
  if (shape.length === 2) return last <= 4 ? 'signal' : 'image';
  if (shape.length === 3) return last <= 4 ? 'image' : 'volume';
  return shape.length === 4 ? 'volume' : null;
}

const NUMBERS = { u: 'uint', i: 'int', f: 'float', c: 'complex', b: 'bool' };

/* '<f4' → 'float32' */
function numberType(descr) {
  const [, letter, bytes] = /([a-z])(\d+)/.exec(descr) ?? [];
  return NUMBERS[letter] ? `${NUMBERS[letter]}${letter === 'b' ? '' : 8 * bytes}` : descr;
}

function readHeader(text) {
  const shape = /'shape': \(([^)]*)\)/.exec(text)?.[1].split(',').filter((t) => t.trim()).map(Number);
  const descr = /'descr': '([^']*)'/.exec(text)?.[1];
  if (!shape || !descr) return { says: '', likely: null };
  return { says: `${shape.join(' × ') || 'one number'} of ${numberType(descr)}`, likely: likelyOfShape(shape) };
}

/* Names of what is in a ZIP archive; none where it is none. */
async function memberNames(file) {
  const read = async (from, to) => new Uint8Array(await file.slice(from, to).arrayBuffer());
  return openZip(file.size, read).then((files) => [...files.keys()], () => []);
}

export async function sniff(file) {
  const head = new DataView(await file.slice(0, 1024).arrayBuffer());
  if (head.byteLength < 10) return null;
  if (head.getUint32(0) === 0x934e554d) {
    return { format: 'npy', kinds: KINDS.npy, ...readHeader(new TextDecoder('latin1').decode(head)) };
  }
  if (head.getUint16(0) !== 0x504b) return null;
  const names = await memberNames(file);
  const isNumpy = names.length ? names.every((n) => n.endsWith('.npy')) : /\.npz$/i.test(file.name);
  if (!isNumpy) return null;
  const arrays = names.map((n) => n.replace(/\.npy$/, ''));
  const likely = [['views', 'images'], ['sinogram', 'sinogram'], ['kspace', 'kspace']].find(([, name]) => arrays.includes(name));
  return { format: 'npz', kinds: KINDS.npz, says: arrays.slice(0, 8).join(', '), likely: likely?.[0] ?? null };
}
