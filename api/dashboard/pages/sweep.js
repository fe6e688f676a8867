/* A sweep: how far it is, its table, its plot, and its ends as pictures. */

import { del, get, post } from '/assets/api.js';
import { el, facts, problemPlace } from '/assets/dom.js';
import { address, go } from '/assets/page.js';
import { confirmButton } from '/assets/parts/confirm.js';
import { Directory, Names } from '/assets/parts/directory.js';
import { axesText, settingName } from '/assets/parts/setting.js';
import { makePictures } from '/assets/parts/sweep_pictures.js';
import { makePlot, numericAxes } from '/assets/parts/sweep_plot.js';
import { makeTable } from '/assets/parts/sweep_table.js';
import { count, ENDED, moment } from '/assets/words.js';

const PERIOD = 5000;
const SHARE = 100; /* the service may spend one part in so many on this page */
const LONGEST = 10000; /* ms between two looks, however long one takes: the machine may only be busy with other things */

const nameOf = (sweep) => sweep.name || `Sweep over ${sweep.axes.map((a) => settingName(a.pointer)).join(' × ') || 'one setting'}`;

function progress(sweep) {
  const { queued, running, succeeded, failed, canceled } = sweep.jobs;
  const ended = succeeded + failed + canceled;
  const parts = [[running, 'running'], [queued, 'waiting'], [failed, 'failed'], [canceled, 'canceled']].filter(([n]) => n).map(([n, text]) => `${count(n)} ${text}`);
  return el('div', { class: 'sweep-progress' }, ENDED.has(sweep.status) ? null : el('progress', { max: sweep.n_jobs, value: ended, 'aria-label': 'Progress' }),
    el('span', { role: 'status', class: `list-state ${sweep.status}` }, [`${count(succeeded)} of ${count(sweep.n_jobs)} jobs succeeded`, ...parts].join(', ')));
}

/* Which axis is looked at: the one in the address, or the first of numbers. */
function axisOf(page, sweep) {
  const axes = numericAxes(sweep);
  return axes.find((a) => a.pointer === page.query.get('axis'))?.pointer ?? axes[0]?.pointer ?? null;
}

function downloads(sweep) {
  const path = (format) => `/v1/sweeps/${sweep.id}?format=${format}`;
  return ['csv', 'png', 'json'].map((format) => el('a', {
    class: 'button', href: path(format), download: `${sweep.id}.${format}`, 'data-file': `${sweep.id}.${format}`, 'aria-label': `Download as ${format.toUpperCase()}`,
  }, format.toUpperCase()));
}

function head(page, sweep, names, problem, refresh) {
  const isOpen = !ENDED.has(sweep.status);
  const some = sweep.dataset_ids.slice(0, 3).map((id) => names.of(id)).join(', ');
  const more = sweep.dataset_ids.length > 3 ? ` and ${count(sweep.dataset_ids.length - 3)} more` : '';
  const action = isOpen
    ? confirmButton({ text: 'Cancel…', question: 'Cancel what has not ended?', yes: 'Cancel the sweep', problem, act: async () => {
      await post(`/v1/sweeps/${sweep.id}/cancel`, {}, { signal: page.signal });
      await refresh();
    } })
    : confirmButton({ text: 'Delete…', question: 'Delete it with its jobs? Fields stay.', yes: 'Delete the sweep', problem, act: async () => {
      await del(`/v1/sweeps/${sweep.id}`, { signal: page.signal });
      go('sweeps');
    } });
  return [
    el('div', {}, el('h1', {}, nameOf(sweep)), el('p', { class: 'sub' }, `${some}${more} · ${axesText(sweep.axes)} · ${moment(sweep.created_at)}`)),
    el('div', { class: 'actions' }, downloads(sweep), el('a', { class: 'button', href: address('jobs', { sweep_id: sweep.id }) }, 'Its jobs'),
      el('a', { class: 'button', href: address('sweeps', { new: 1, from: sweep.id }) }, 'Again, changed'), action),
  ];
}

function chooseAxis(page, sweep, onChange) {
  const axes = numericAxes(sweep);
  if (axes.length < 2) return '';
  const choice = el('select', { onchange: () => {
    page.remember({ axis: choice.value });
    onChange();
  } }, axes.map((a) => el('option', { value: a.pointer }, settingName(a.pointer))));
  choice.value = axisOf(page, sweep);
  return el('label', {}, 'Over ', choice);
}

function baseFacts(sweep) {
  const flat = (value, path) => (typeof value === 'object' && value !== null && !Array.isArray(value)
    ? Object.entries(value).flatMap(([k, v]) => flat(v, [...path, k])) : [[path.join(' '), JSON.stringify(value).replaceAll('"', '')]]);
  const pairs = flat(sweep.base, []);
  return pairs.length ? el('details', {}, el('summary', {}, 'Settings that all share'), facts(pairs, 'facts')) : '';
}

export async function open(page) {
  const datasets = new Directory('/v1/datasets', page.signal);
  const names = new Names(datasets);
  const ask = () => get(`/v1/sweeps/${page.id}`, { signal: page.signal });
  let sweep = await ask();
  await names.learn(sweep.dataset_ids.slice(0, 50));
  page.title(nameOf(sweep));

  const problem = problemPlace();
  const top = el('div', { class: 'head' });
  const state = el('div', {});
  const table = makeTable({ sorted: page.query.get('sort') ?? '', onSort: (sort) => page.remember({ sort }) });
  const pictures = makePictures(page, problem);
  const plotPlace = el('div', {});
  let plot = null;
  let seen = '';

  function drawPlot() {
    plot?.close();
    const choice = chooseAxis(page, sweep, () => {
      drawPlot();
      plotPlace.querySelector('select').focus();
      pictures.draw(sweep, axisOf(page, sweep), names);
    });
    plot = makePlot(sweep, axisOf(page, sweep));
    plotPlace.replaceChildren(choice, plot.element);
  }

  function draw() {
    const look = JSON.stringify(sweep);
    if (look === seen) return;
    seen = look;
    if (top.dataset.status !== sweep.status) {
      top.dataset.status = sweep.status;
      top.replaceChildren(...head(page, sweep, names, problem, refresh));
    }
    state.replaceChildren(progress(sweep));
    plot.draw(sweep);
    table.draw(sweep);
    pictures.draw(sweep, axisOf(page, sweep), names);
  }

  let next = 0;
  async function refresh() {
    const began = performance.now();
    sweep = await ask();
    next = performance.now() + Math.min(SHARE * (performance.now() - began), LONGEST);
    draw();
  }

  drawPlot();
  page.place.append(top, problem, state, pictures.element, el('div', { class: 'sweep-split' }, plotPlace, table.element), baseFacts(sweep));
  draw();
  page.every(PERIOD, () => (ENDED.has(sweep.status) || performance.now() < next ? null : refresh()));
  page.onLeave(() => plot?.close());
}
