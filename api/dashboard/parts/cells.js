/* Columns that lists of jobs and of fields share. */

import { el } from '/assets/dom.js';
import { quality, qualityText, settingsText } from '/assets/words.js';

export const TASKS = ['image', 'volume', 'shape', 'views', 'ct', 'mri', 'signal'].map((t) => [t, t]);

const settings = ({ spec }) => [settingsText(spec), spec?.preset].filter(Boolean).join(' · ');

export const taskColumn = { key: 'task', name: 'Task', isText: true, value: (thing) => thing.task, cell: (thing) => thing.task };

export const settingsColumn = {
  key: 'settings', name: 'Settings', isText: true, value: settings,
  cell: ({ spec }) => [settingsText(spec), el('span', { class: 'hint' }, ` ${spec?.preset ?? ''}`)],
};

export const qualityColumn = {
  key: 'quality', name: 'Quality', value: ({ metrics }) => quality(metrics)?.value,
  cell: ({ metrics }) => [qualityText(metrics) || '–', quality(metrics)?.key === 'test_psnr' ? el('span', { class: 'hint' }, ' test') : null],
};
