/* Sweeps, and (?new=1) the form that begins one. */

import { get, post } from '/assets/api.js';
import { el } from '/assets/dom.js';
import { address } from '/assets/page.js';
import { Directory, Names } from '/assets/parts/directory.js';
import { deletion, List } from '/assets/parts/list.js';
import { axesText, settingName } from '/assets/parts/setting.js';
import { WIDTH } from '/assets/parts/thumbnail.js';
import { count, ENDED, moment } from '/assets/words.js';

const isOpen = (sweep) => !ENDED.has(sweep.status);
const ended = ({ jobs }) => jobs.succeeded + jobs.failed + jobs.canceled;

function stateCell(sweep) {
  const bad = ['failed', 'canceled'].filter((s) => sweep.jobs[s]).map((s) => `, ${count(sweep.jobs[s])} ${s}`).join('');
  const words = el('span', { class: `list-state ${sweep.status}` }, `${sweep.status}, ${count(ended(sweep))} of ${count(sweep.n_jobs)}${bad}`);
  return isOpen(sweep) ? [el('progress', { max: sweep.n_jobs, value: ended(sweep), 'aria-label': 'Progress' }), words] : words;
}

export async function open(page) {
  if (page.query.get('new')) {
    const { openForm } = await import('/assets/pages/newsweep.js');
    return openForm(page);
  }
  return openList(page);
}

async function openList(page) {
  const datasets = new Directory('/v1/datasets', page.signal);
  const names = new Names(datasets);
  const nameOf = (sweep) => sweep.name || sweep.axes.map((a) => settingName(a.pointer)).join(' × ') || 'one setting';
  const begin = () => el('a', { class: 'button', href: address('sweeps', { new: 1 }) }, 'Start a sweep');
  const data = (sweep) => names.of(sweep.dataset_ids[0]) + (sweep.dataset_ids.length > 1 ? ` and ${count(sweep.dataset_ids.length - 1)} more` : '');

  const list = new List(page, {
    title: 'Sweeps',
    path: '/v1/sweeps',
    one: 'sweep',
    many: 'sweeps',
    intro: [begin()],
    filters: [{ key: 'status', name: 'Status', options: ['queued', 'running', 'succeeded', 'failed', 'canceled'].map((s) => [s, s]), of: (s) => s.status }],
    prepare: (sweeps) => names.learn(sweeps.map((s) => s.dataset_ids[0])),
    name: nameOf,
    href: (s) => `#/sweeps/${s.id}`,
    picture: async (s) => ((await datasets.find(s.dataset_ids[0])) ? `/v1/datasets/${s.dataset_ids[0]}/preview?width=${WIDTH}` : null),
    letter: () => 'sweep',
    columns: [
      { key: 'name', name: 'Sweep', isText: true, value: nameOf, cell: (s) => el('code', {}, `…${s.id.slice(-6)}`) },
      { key: 'axes', name: 'Over', isText: true, value: (s) => axesText(s.axes), cell: (s) => axesText(s.axes) || '–' },
      { key: 'data', name: 'Data', isText: true, value: data, cell: data },
      { key: 'jobs', name: 'Jobs', value: (s) => s.n_jobs, cell: (s) => el('a', { href: address('jobs', { sweep_id: s.id }) }, count(s.n_jobs)) },
      { key: 'state', name: 'State', isText: true, value: (s) => s.status, cell: stateCell },
      { key: 'created', name: 'Posted', value: (s) => s.created_at, cell: (s) => moment(s.created_at) },
    ],
    actions: [
      { name: 'Cancel', past: 'canceled', can: isOpen, question: (n) => `Cancel the jobs of ${n} that have not ended?`, act: (s) => post(`/v1/sweeps/${s.id}/cancel`, {}, { signal: page.signal }) },
      deletion(page, '/v1/sweeps', (n) => `Delete ${n} with all its jobs? Fields and datasets stay.`, (s) => !isOpen(s)),
    ],
    empty: [el('p', {}, 'No sweep yet. A sweep fits one job for each combination of settings, and compares them in a table, a plot and pictures.'), begin()],
  });
  await list.open();
  page.every(10000, async () => {
    if (![...list.rows.values()].some((r) => isOpen(r.item))) return;
    await list.take((await get(`/v1/sweeps?${new URLSearchParams({ limit: 50, ...(page.query.get('q') ? { q: page.query.get('q') } : {}) })}`, { signal: page.signal })).items, { onTop: true });
  });
}
