/* NumPy files of float32 numbers, as the tests drop them.
 *
 *   npy({ shape, data: Float32Array })   bytes of an NPY file
 *   npz({ name: { shape, data }, … })    bytes of an NPZ file, stored without compression */

export function npy({ shape, data }) {
  const dict = `{'descr': '<f4', 'fortran_order': False, 'shape': (${shape.join(', ')}${shape.length === 1 ? ',' : ''}), }`;
  const head = `${dict.padEnd(64 * Math.ceil((dict.length + 11) / 64) - 11)}\n`;
  const magic = Buffer.from([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, head.length & 255, head.length >> 8]);
  return Buffer.concat([magic, Buffer.from(head), Buffer.from(data.buffer, data.byteOffset, data.byteLength)]);
}

function crc32(bytes) {
  let crc = ~0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let i = 0; i < 8; i++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}

/* What the local header and the directory say alike of a member, from the version on. */
function about(name, bytes) {
  const b = Buffer.alloc(26);
  b.writeUInt16LE(20, 0);
  b.writeUInt16LE(33, 8); /* 1 January 1980 */
  b.writeUInt32LE(crc32(bytes), 10);
  b.writeUInt32LE(bytes.length, 14);
  b.writeUInt32LE(bytes.length, 18);
  b.writeUInt16LE(name.length, 22);
  return b;
}

export function npz(arrays) {
  const parts = [];
  const directory = [];
  let at = 0;
  for (const [array, content] of Object.entries(arrays)) {
    const name = Buffer.from(`${array}.npy`);
    const bytes = npy(content);
    const rest = Buffer.alloc(14);
    rest.writeUInt32LE(at, 10);
    directory.push(Buffer.from('PK\x01\x02\x14\x00'), about(name, bytes), rest, name);
    const member = Buffer.concat([Buffer.from('PK\x03\x04'), about(name, bytes), name, bytes]);
    parts.push(member);
    at += member.length;
  }
  const list = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06');
  end.writeUInt16LE(parts.length, 8);
  end.writeUInt16LE(parts.length, 10);
  end.writeUInt32LE(list.length, 12);
  end.writeUInt32LE(at, 16);
  return Buffer.concat([...parts, list, end]);
}
