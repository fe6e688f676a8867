/* What was learned. */

import { el } from '/assets/dom.js';
import { qualityColumn, settingsColumn, TASKS, taskColumn } from '/assets/parts/cells.js';
import { Directory, Names, timeOf } from '/assets/parts/directory.js';
import { deletion, List } from '/assets/parts/list.js';
import { lookOfField, smallPicturePath } from '/assets/parts/looks.js';
import { WIDTH } from '/assets/parts/thumbnail.js';
import { bytes, count, moment } from '/assets/words.js';

export async function open(page) {
  const datasets = new Directory('/v1/datasets', page.signal);
  const names = new Names(datasets);
  const nameOf = (field) => names.of(field.dataset_id);

  async function picture(field) {
    const path = field.n_inputs ? smallPicturePath(field.id, lookOfField(field), WIDTH, field.step) : null;
    if (path) return path;
    const dataset = await datasets.find(field.dataset_id);
    return dataset && `/v1/datasets/${dataset.id}/preview?width=${WIDTH}`;
  }

  await new List(page, {
    title: 'Fields',
    path: '/v1/fields',
    one: 'field',
    many: 'fields',
    intro: [el('a', { class: 'button', href: '#/' }, 'Start a fit')],
    served: ['task', 'dataset_id'],
    fixed: { dataset_id: 'of dataset' },
    filters: [{ key: 'task', name: 'Task', options: TASKS, of: (f) => f.task }],
    prepare: (fields) => names.learn(fields.map((f) => f.dataset_id)),
    name: nameOf,
    href: (f) => `#/fields/${f.id}`,
    picture,
    letter: (f) => f.task,
    columns: [
      { key: 'name', name: 'Field of', isText: true, value: nameOf, cell: (f) => [el('code', {}, `…${f.id.slice(-6)}`), f.state === 'training' ? ' in training' : ''] },
      taskColumn,
      settingsColumn,
      qualityColumn,
      { key: 'step', name: 'Steps', value: (f) => f.step, cell: (f) => count(f.step) },
      { key: 'parameters', name: 'Parameters', value: (f) => f.n_parameters, cell: (f) => count(f.n_parameters) },
      { key: 'bytes', name: 'Weights', value: (f) => f.bytes, cell: (f) => bytes(f.bytes) },
      { key: 'created', name: 'Begun', value: (f) => f.id, cell: (f) => moment(timeOf(f.id)) },
    ],
    actions: [deletion(page, '/v1/fields', (n) => `Delete ${n} for ever? Their jobs and datasets stay.`, (f) => f.state !== 'training')],
    compare: (f) => f.id,
    empty: [el('p', {}, 'No field yet: each fit makes one, from its first snapshot on.'), el('a', { class: 'button', href: '#/' }, 'Start a fit')],
  }).open();
}
