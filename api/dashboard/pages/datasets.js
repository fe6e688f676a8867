/* What was uploaded. */

import { el } from '/assets/dom.js';
import { address } from '/assets/page.js';
import { deletion, List } from '/assets/parts/list.js';
import { WIDTH } from '/assets/parts/thumbnail.js';
import { bytes, count, moment } from '/assets/words.js';

const KINDS = ['image', 'volume', 'shape', 'views', 'sinogram', 'kspace', 'signal'].map((k) => [k, k]);

const channels = (n) => (n === 1 ? '' : `, ${n} channels`);

/* "512 × 512, 3 channels" */
export function sizeText({ kind, info }) {
  const sides = [info.width, info.height, info.depth].filter((n) => n).map(count).join(' × ');
  switch (kind) {
    case 'shape': return `${count(info.n_triangles)} triangles${info.watertight === false ? ', open' : ''}`;
    case 'views': return `${count(info.n_views)} views`;
    case 'signal': return `${count(info.n_samples)} samples${channels(info.channels)}`;
    case 'sinogram': return `${count(info.n_angles)} angles × ${count(info.width)}`;
    case 'kspace': return `${sides} frequencies`;
    default: return `${sides}${channels(info.channels)}`;
  }
}

const samples = ({ info }) => info.n_triangles ?? (info.shape ?? []).reduce((a, b) => a * b, 1);

export async function open(page) {
  const nameOf = (dataset) => dataset.name || dataset.kind;
  await new List(page, {
    title: 'Datasets',
    path: '/v1/datasets',
    one: 'dataset',
    many: 'datasets',
    intro: [el('a', { class: 'button', href: '#/' }, 'Upload')],
    served: ['kind'],
    filters: [{ key: 'kind', name: 'Kind', options: KINDS, of: (d) => d.kind }],
    name: nameOf,
    href: (d) => `#/datasets/${d.id}`,
    picture: (d) => `/v1/datasets/${d.id}/preview?width=${WIDTH}`,
    letter: (d) => d.kind,
    columns: [
      { key: 'name', name: 'Name', isText: true, value: nameOf, cell: (d) => el('code', {}, `…${d.id.slice(-6)}`) },
      { key: 'kind', name: 'Kind', isText: true, value: (d) => d.kind, cell: (d) => d.kind },
      { key: 'size', name: 'Size', value: samples, cell: (d) => [sizeText(d), d.info.warnings?.length ? el('span', { class: 'hint', title: d.info.warnings.join('\n') }, ' with warnings') : null] },
      { key: 'bytes', name: 'File', value: (d) => d.bytes, cell: (d) => bytes(d.bytes) },
      { key: 'created', name: 'Uploaded', value: (d) => d.created_at, cell: (d) => moment(d.created_at) },
      { key: 'use', name: 'Use', cell: (d) => el('span', { class: 'uses' },
        el('a', { href: `#/datasets/${d.id}`, 'aria-label': `Fit ${nameOf(d)}` }, 'Fit'),
        el('a', { href: address('sweeps', { new: 1, dataset: d.id }), 'aria-label': `Sweep over ${nameOf(d)}` }, 'Sweep'),
        el('a', { href: address('jobs', { dataset_id: d.id }), 'aria-label': `Jobs of ${nameOf(d)}` }, 'Jobs')) },
    ],
    actions: [deletion(page, '/v1/datasets', (n) => `Delete ${n}? Their fields stay; those that jobs still need are refused.`)],
    empty: [el('p', {}, 'No dataset yet. Drop a picture, a volume, a mesh, a zip of views or a NumPy file on the start page.'), el('a', { class: 'button', href: '#/' }, 'Upload')],
  }).open();
}
