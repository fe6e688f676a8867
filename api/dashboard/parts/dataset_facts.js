/* What the service understood of a dataset, in words. */

import { bytes, count, number } from '/assets/words.js';

const MEDIA = {
  'image/png': 'PNG', 'image/jpeg': 'JPEG', 'application/x-npy': 'NPY', 'application/x-npz': 'NPZ', 'application/x-nifti': 'NIfTI',
  'application/gzip': 'NIfTI, gzip', 'application/x-nrrd': 'NRRD', 'model/obj': 'OBJ', 'model/stl': 'STL', 'application/ply': 'PLY',
  'model/vnd.off': 'OFF', 'application/zip': 'ZIP',
};
const CHANNELS = ['', 'grey', 'grey and alpha', 'RGB', 'RGBA'];
const NAMES = {
  image: 'Picture', volume: 'Volume', shape: 'Mesh', views: 'Posed views', sinogram: 'Sinogram', kspace: 'k-space', signal: 'Signal',
};

export const mediaName = (dataset) => MEDIA[dataset.media_type] ?? dataset.media_type;
export const kindName = (kind) => NAMES[kind] ?? kind;

const times = (list, digits = 4) => list.map((v) => number(v, digits)).join(' × ');
const sides = (box) => times([0, 1, 2].map((i) => box[i + 3] - box[i]));
const spread = ([low, high]) => (low === high ? count(low) : `${count(low)} to ${count(high)}`);
const degrees = (radians) => `${number((radians * 180) / Math.PI, 4)}°`;

const FACTS = {
  image: (i) => [['Size', `${count(i.width)} × ${count(i.height)} pixels`],
    ['Channels', CHANNELS[i.channels]], ['Depth', `${i.bits_per_channel} bits a channel`]],
  volume: (i) => [['Size', `${count(i.width)} × ${count(i.height)} × ${count(i.depth)} voxels`],
    ['Voxel', `${times(i.voxel_size)}${i.units === 'mm' ? ' mm' : ''}`],
    ['Extent', i.units === 'mm' ? `${sides(i.bbox)} mm` : null],
    ['Channels', i.channels > 1 ? count(i.channels) : null],
    ['Depth', `${i.bits_per_channel} bits${i.kept_bits_per_channel < i.bits_per_channel ? `, kept in ${i.kept_bits_per_channel}` : ''}`],
    ['Values', `${number(i.value_range[0])} to ${number(i.value_range[1])}`]],
  shape: (i) => [['Triangles', count(i.n_triangles)], ['Vertices', count(i.n_vertices)],
    ['Watertight', i.watertight ? 'yes' : `no: ${count(i.n_border_edges)} border edges, ${count(i.n_nonmanifold_edges)} with three triangles or more`],
    ['Parts', count(i.n_components)], ['Extent', sides(i.bbox)], ['Area', number(i.area)],
    ['Volume', i.watertight ? number(i.volume) : null], ['Euler number', String(i.euler)]],
  views: (i) => [['Views', count(i.n_views)],
    ['Splits', `${count(i.splits.train)} to train, ${count(i.splits.validation)} to validate, ${count(i.splits.test)} to test`],
    ['Size', `${spread(i.widths)} × ${spread(i.heights)} pixels`], ['Channels', CHANNELS[i.channels]],
    ['Lens', i.has_distortion ? 'with distortion' : 'without distortion'],
    ['Behind it', i.surroundings.backdrop === 'alpha' ? 'transparent' : i.surroundings.backdrop],
    ['Cameras', `${number(i.surroundings.distance)} from the middle`], ['Domain', sides(i.bbox)]],
  sinogram: (i) => [['Projections', count(i.n_angles)], ['Columns', count(i.width)], ['Angles', `over ${degrees(i.angle_span)}`]],
  kspace: (i) => [['Size', `${count(i.width)} × ${count(i.height)}${i.depth > 1 ? ` × ${count(i.depth)}` : ''}`],
    ['Measured', `${count(i.n_measured)}, ${number(100 * i.fraction_measured, 3)} %`]],
  signal: (i) => [['Samples', count(i.n_samples)], ['Channels', count(i.channels)], ['Values', `${number(i.low)} to ${number(i.high)}`]],
};

/* [[term, words], …]; a value of null has nothing to say. */
export function datasetFacts(dataset) {
  return [['File', `${mediaName(dataset)}, ${bytes(dataset.bytes)}`], ...(FACTS[dataset.kind]?.(dataset.info) ?? [])];
}
