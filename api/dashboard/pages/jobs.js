/* All jobs; the queue is one view of them, in the order in which they will run. */

import { get, post } from '/assets/api.js';
import { el } from '/assets/dom.js';
import { address } from '/assets/page.js';
import { qualityColumn, settingsColumn, TASKS, taskColumn } from '/assets/parts/cells.js';
import { Directory, Names } from '/assets/parts/directory.js';
import { deletion, List } from '/assets/parts/list.js';
import { lookOf, smallPicturePath } from '/assets/parts/looks.js';
import { WIDTH } from '/assets/parts/thumbnail.js';
import { duration, ENDED, moment, stateOf } from '/assets/words.js';

const STATES = [['', 'All'], ['running', 'Running'], ['queued', 'Queue'], ['succeeded', 'Succeeded'], ['failed', 'Failed'], ['canceled', 'Canceled']];

const isOpen = (job) => !ENDED.has(job.status);
const trainingSeconds = (job) => (job.started_at && job.finished_at ? (Date.parse(job.finished_at) - Date.parse(job.started_at)) / 1000 : null);

function stateCell(job) {
  const words = el('span', { class: `list-state ${job.status}` }, stateOf(job));
  if (job.status !== 'running') return [words, job.error ? el('span', { class: 'hint' }, job.error.detail) : null];
  return [el('progress', { max: 1, value: job.progress, 'aria-label': 'Progress' }), words];
}

function labels(job) {
  const chip = (href, text) => el('a', { class: 'chip', href }, text);
  const own = Object.entries(job.labels ?? {}).map(([k, v]) => chip(address('jobs', { label: `${k}:${v}` }), `${k}: ${v}`));
  return job.sweep_id ? [...own, chip(`#/sweeps/${job.sweep_id}`, 'of a sweep')] : own;
}

const PAGE = 200;
const MOST_WAITING = 1000; /* of the queue are shown without a press */
const SHARE = 100; /* the service may spend one part in so many on this page */
const LONGEST = 10000; /* ms between two looks, however long one takes: the machine may only be busy with other things */

/* Those that wait, down to the id `oldest`. */
async function askQueue(ask, oldest) {
  const found = [];
  let cursor = null;
  do {
    const { items, next_cursor: next } = await ask('queued', cursor);
    found.push(...items);
    cursor = next;
  } while (cursor && found[found.length - 1].id > oldest && found.length < MOST_WAITING);
  return { found, down: cursor ? found[found.length - 1].id : '' };
}

/* What became of the jobs that had not ended: those that run are asked for in one question, the others only when one
 * of those has ended or begun. */
function follow(page, list) {
  let running = null;
  let next = 0;
  const ask = (status, cursor) => {
    const given = Object.fromEntries([...page.query].filter(([k]) => ['q', 'dataset_id', 'sweep_id', 'label'].includes(k)));
    return get(`/v1/jobs?${new URLSearchParams({ ...given, status, limit: PAGE, ...(cursor ? { cursor } : {}) })}`, { signal: page.signal });
  };

  /* As it became, or null; one that was deleted elsewhere goes from the list. */
  const askOne = (id) => get(`/v1/jobs/${id}`, { signal: page.signal }).catch((error) => {
    if (error.status === 404) list.rows.delete(id);
    return null;
  });

  async function look() {
    const { turn } = list;
    const { items: now } = await ask('running');
    if (turn !== list.turn) return; /* another search is seen by now */
    const ids = now.map((j) => j.id).join();
    const open = [...list.rows.values()].filter((r) => isOpen(r.item));
    const waiting = open.filter((r) => r.item.status === 'queued');
    const changed = ids !== running || open.some((r) => (r.item.status === 'running' ? !ids.includes(r.item.id) : !now.length));
    running = ids;
    const queue = changed && waiting.length ? await askQueue(ask, waiting.map((r) => r.item.id).sort()[0]) : { found: [], down: '' };
    const met = new Set([...now, ...queue.found].map((j) => j.id));
    const lost = changed ? open.filter((r) => !met.has(r.item.id) && r.item.id >= queue.down).slice(0, 20) : [];
    const ended = await Promise.all(lost.map((r) => askOne(r.item.id)));
    if (turn !== list.turn) return;
    await list.take([...queue.found, ...ended].filter((j) => j && list.rows.has(j.id)));
    for (const row of lost) if (ENDED.has(row.item.status)) row.renew();
    await list.take(now.filter((j) => list.rows.has(j.id) || !page.query.get('status') || page.query.get('status') === 'running'), { onTop: true });
  }

  page.every(5000, async () => {
    const began = performance.now();
    if (began < next) return;
    await look();
    next = performance.now() + Math.min(SHARE * (performance.now() - began), LONGEST);
  });
}

export async function open(page) {
  const datasets = new Directory('/v1/datasets', page.signal);
  const fields = new Directory('/v1/fields', page.signal, 50);
  const names = new Names(datasets);
  const isQueue = page.query.get('status') === 'queued';
  const nameOf = (job) => names.of(job.dataset_id);

  /* The field as it became; before that, and of what a GET cannot show, the data. */
  async function picture(job) {
    const [dataset, field] = await Promise.all([datasets.find(job.dataset_id), ENDED.has(job.status) ? fields.find(job.field_id) : null]);
    const path = field?.n_inputs ? smallPicturePath(field.id, lookOf(job.task, field.n_inputs), WIDTH, field.step) : null;
    return path ?? (dataset ? `/v1/datasets/${dataset.id}/preview?width=${WIDTH}` : null);
  }

  const list = new List(page, {
    title: isQueue ? 'Queue' : 'Jobs',
    path: '/v1/jobs',
    one: 'job',
    many: 'jobs',
    intro: [el('a', { class: 'button', href: '#/' }, 'Start a fit')],
    served: ['status', 'dataset_id', 'sweep_id', 'label'],
    fixed: { dataset_id: 'of dataset', sweep_id: 'of sweep', label: 'with label' },
    views: { key: 'status', name: 'Status', options: STATES, of: (job) => job.status },
    filters: [{ key: 'task', name: 'Task', options: TASKS, of: (job) => job.task }],
    prepare: (jobs) => names.learn(jobs.map((j) => j.dataset_id)),
    name: nameOf,
    href: (job) => `#/jobs/${job.id}`,
    picture,
    letter: (job) => job.task,
    columns: [
      { key: 'name', name: 'Job', isText: true, value: nameOf, cell: (job) => [el('code', {}, `…${job.id.slice(-6)}`), ' ', labels(job)] },
      ...(isQueue ? [{ key: 'place', name: 'Place', value: (job) => job.queue_position, cell: (job) => String(job.queue_position ?? '–') }] : []),
      taskColumn,
      settingsColumn,
      { key: 'state', name: 'State', isText: true, value: (job) => job.status, cell: stateCell },
      ...(isQueue ? [] : [
        qualityColumn,
        { key: 'took', name: 'Took', value: trainingSeconds, cell: (job) => duration(trainingSeconds(job)) },
      ]),
      { key: 'created', name: 'Posted', value: (job) => job.created_at, cell: (job) => moment(job.created_at) },
    ],
    order: isQueue ? (a, b) => a.queue_position - b.queue_position : null,
    orderName: isQueue ? 'next to run first' : 'newest first',
    limit: isQueue ? PAGE : 50,
    older: isQueue ? 'Those before them in the queue' : 'Older jobs',
    actions: [
      { name: 'Cancel', past: 'canceled', can: isOpen, question: (n) => `Cancel ${n}? What was learned by then is kept as a field.`, act: (job) => post(`/v1/jobs/${job.id}/cancel`, {}, { signal: page.signal }) },
      deletion(page, '/v1/jobs', (n) => `Delete ${n}, with curves and checkpoints? Fields and datasets stay.`, (job) => !isOpen(job)),
    ],
    compare: (job) => (job.status === 'queued' ? null : job.field_id),
    emptyView: isQueue,
    empty: isQueue
      ? [el('p', {}, 'Nothing waits: what is started now runs at once.'), el('a', { class: 'button', href: '#/' }, 'Start a fit')]
      : [el('p', {}, 'No job yet. A job fits a field to a dataset: drop a picture, a volume, a mesh or views on the start page.'), el('a', { class: 'button', href: '#/' }, 'Start a fit')],
  });

  await list.open();
  while (isQueue && list.cursor && list.rows.size < MOST_WAITING) await list.load(); /* its head is what runs next */
  if (['', 'running', 'queued'].includes(page.query.get('status') ?? '')) follow(page, list);
}
