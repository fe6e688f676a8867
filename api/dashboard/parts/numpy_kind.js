/* What a NumPy file says of itself, from its first or last bytes: enough to ask well which kind of data it is.
 *
 *   await sniff(file)  null where the bytes tell the kind to the service, else
 *     { format: 'npy', says: '64 × 64 × 3 of uint8', kinds: KINDS.npy, likely: 'image' }
 *     { format: 'npz', says: 'sinogram, angles', kinds: KINDS.npz, likely: 'sinogram' }
 * likely: the kind that fits what was read, or null. */

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

const END_RECORD = 0x06054b50; /* of a ZIP archive: the last thing in it */
const ENTRY = 0x02014b50;
const LONGEST_END = 22 + 65535; /* with the longest comment */

const viewOf = async (blob) => new DataView(await blob.arrayBuffer());
const textAt = (view, at, n) => new TextDecoder().decode(new Uint8Array(view.buffer, at, n));

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

/* Names of the members of a ZIP archive; none where its directory is not where it should be. */
async function memberNames(file) {
  const tail = await viewOf(file.slice(Math.max(0, file.size - LONGEST_END)));
  let at = tail.byteLength - 22;
  while (at >= 0 && tail.getUint32(at, true) !== END_RECORD) at--;
  if (at < 0) return [];
  const [size, start] = [tail.getUint32(at + 12, true), tail.getUint32(at + 16, true)];
  const directory = await viewOf(file.slice(start, start + size));
  const names = [];
  for (let e = 0; e + 46 <= directory.byteLength && directory.getUint32(e, true) === ENTRY;) {
    const n = directory.getUint16(e + 28, true);
    names.push(textAt(directory, e + 46, Math.min(n, directory.byteLength - e - 46)));
    e += 46 + n + directory.getUint16(e + 30, true) + directory.getUint16(e + 32, true);
  }
  return names;
}

export async function sniff(file) {
  const head = await viewOf(file.slice(0, 1024));
  if (head.byteLength < 10) return null;
  if (head.getUint32(0) === 0x934e554d) {
    return { format: 'npy', kinds: KINDS.npy, ...readHeader(textAt(head, 0, head.byteLength)) };
  }
  if (head.getUint16(0) !== 0x504b) return null;
  const names = await memberNames(file);
  const isNumpy = names.length ? names.every((n) => n.endsWith('.npy')) : /\.npz$/i.test(file.name);
  if (!isNumpy) return null;
  const arrays = names.map((n) => n.replace(/\.npy$/, ''));
  const likely = [['views', 'images'], ['sinogram', 'sinogram'], ['kspace', 'kspace']].find(([, name]) => arrays.includes(name));
  return { format: 'npz', kinds: KINDS.npz, says: arrays.slice(0, 8).join(', '), likely: likely?.[0] ?? null };
}
