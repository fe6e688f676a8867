/* Where the cameras of posed views stood, read from the dataset's own file by its parts. */

import { fetchBytes, readArray } from '/assets/api.js';
import { openZip } from '/assets/parts/zip.js';

const MOST_BYTES = 16 * 1024 * 1024; /* of a directory, a file of poses, a photograph: more is not fetched for a few buttons */

function rangesOf(dataset, signal) {
  return async (from, to) => {
    if (to - from > MOST_BYTES) throw new Error('too long');
    const response = await fetchBytes(`/v1/datasets/${dataset.id}/content`, { signal, headers: { Range: `bytes=${from}-${to - 1}` } });
    return new Uint8Array(await response.arrayBuffer());
  };
}

const degrees = (radians) => (radians * 180) / Math.PI;
const fovOf = (focal, width) => degrees(2 * Math.atan(width / 2 / focal));

async function ofNpz(files, dataset) {
  const poses = readArray(await files.get('poses.npy')());
  const focal = readArray(await files.get('focal.npy')()).data[0];
  const [n, rows, columns] = poses.shape;
  const row = (k, r) => Array.from(poses.data.subarray((k * rows + r) * columns, (k * rows + r) * columns + 4));
  return Array.from({ length: n }, (_, k) => ({ c2w: [0, 1, 2].map((r) => row(k, r)), fov: fovOf(focal, dataset.info.widths[1]), photo: null }));
}

/* Its picture, named from the folder of the poses, with or without an ending. */
function photoOf(files, folder, path) {
  const name = folder + path.replace(/^(\.\/)+/, '');
  const ending = ['', '.png', '.jpg', '.jpeg'].find((ending) => files.has(name + ending));
  return ending === undefined ? null : async () => new Blob([await files.get(name + ending)()]);
}

async function ofTransforms(files) {
  const [name] = [...files.keys()].filter((name) => /(^|\/)transforms(_train)?\.json$/.test(name)).sort((a, b) => a.length - b.length);
  const folder = name.slice(0, name.lastIndexOf('/') + 1);
  const all = JSON.parse(new TextDecoder().decode(await files.get(name)()));
  const fov = (f) => {
    const focal = f.fl_x ?? all.fl_x;
    if (focal) return fovOf(focal, f.w ?? all.w);
    return degrees(f.camera_angle_x ?? all.camera_angle_x);
  };
  return all.frames.map((f) => ({ c2w: f.transform_matrix, fov: fov(f), photo: photoOf(files, folder, f.file_path) })).filter((s) => s.c2w?.length >= 3 && s.fov > 0 && s.fov < 180);
}

/* [{ c2w, fov (degrees), photo: a function that promises its picture as a Blob, or null }], in the file's order; null
 * where they are not to be had. */
export async function readStands(dataset, signal) {
  try {
    const files = await openZip(dataset.bytes, rangesOf(dataset, signal));
    const stands = files.has('poses.npy') ? await ofNpz(files, dataset) : await ofTransforms(files);
    return stands.length ? stands : null;
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    return null;
  }
}
