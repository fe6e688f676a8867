/* What a job was asked to do, in words and as it is; how its settings were chosen; what was expected of it. */

import { el, facts } from '/assets/dom.js';
import { count, decibels, duration, moment, number } from '/assets/words.js';

/* {type: 'gaussian', n_frequencies: 256, …} → "gaussian: n frequencies 256, …", without what is not given. */
function inWords(thing) {
  if (thing === null || thing === undefined) return '';
  if (typeof thing === 'number') return String(Number(thing.toPrecision(6)));
  if (Array.isArray(thing)) return thing.length > 8 ? `${thing.length} values` : thing.map(inWords).filter(Boolean).join(', ');
  if (typeof thing !== 'object') return String(thing);
  const { type, ...rest } = thing;
  const parts = Object.entries(rest).filter(([, v]) => v !== null && v !== undefined && !(Array.isArray(v) && !v.length))
    .map(([key, v]) => `${key.replaceAll('_', ' ')} ${inWords(v)}`);
  return [type, parts.join(', ')].filter(Boolean).join(': ');
}

function settings({ task, preset, field, train, measure }) {
  const { steps, batch_size, learning_rate, optimizer, schedule, ...rest } = train;
  return facts([
    ['Task', task],
    ['Preset', preset],
    ['Encoding', inWords(field.encoding)],
    ['Network', inWords(field.network)],
    ['Steps', steps === null ? 'until another end' : count(steps)],
    ['Batch', count(batch_size)],
    ['Learning rate', number(learning_rate)],
    ['Optimizer', inWords(optimizer)],
    ['Schedule', inWords(schedule)],
    ['Training', inWords(rest)],
    ['Measurement', inWords(measure)],
  ], 'facts');
}

function tunedWords(name, { chosen, reason, seconds }) {
  return el('p', {}, el('strong', {}, `${name} = ${number(chosen)}`), `: ${reason.replace(/\.?$/, '.')} It took ${duration(seconds)}.`);
}

function expectation({ method, series, revised, reason }) {
  const last = (s) => s?.test_psnr?.at(-1) ?? s?.psnr?.at(-1);
  const said = (s) => (last(s) ? `${decibels(last(s)[1])} after ${duration(last(s)[0])}` : '');
  return facts([
    ['Forecast', method ? said(series) : 'none'],
    ['Revised', revised && `${said(revised.series)}, from what was measured in the first part of the fit`],
    [method ? 'Made from' : 'Why', reason],
  ], 'facts');
}

function times(job) {
  return facts([
    ['Created', moment(job.created_at)],
    ['Started', job.started_at && moment(job.started_at)],
    ['Finished', job.finished_at && moment(job.finished_at)],
    ['Attempts', job.attempt > 1 ? `${job.attempt} (a restart or a crash begins another, from the last checkpoint)` : null],
    ['Sweep', job.sweep_id && el('a', { href: `#/sweeps/${job.sweep_id}` }, job.sweep_id)],
    ['Labels', Object.entries(job.labels ?? {}).map(([k, v]) => `${k}: ${v}`).join(', ')],
    ['Job', el('code', {}, job.id)],
    ['Field', el('code', {}, job.field_id)],
  ], 'facts');
}

/* Filled anew by each draw, but for what stands `beside`; what is open stays open. */
export function makeJobSettings(beside) {
  const element = el('div', { class: 'tiles job-settings' });
  const raw = el('pre', { tabIndex: 0, 'aria-label': 'Settings as JSON' });
  const details = el('details', {}, el('summary', {}, 'As JSON'), raw);
  let drawn = null;
  return {
    element,
    draw(job) {
      const state = JSON.stringify([job.spec, job.tuning, job.forecast, job.attempt, job.started_at, job.finished_at]);
      if (state === drawn) return;
      drawn = state;
      raw.textContent = JSON.stringify(job.spec, null, 2);
      element.replaceChildren(
        el('section', { class: 'card', 'aria-label': 'Settings' }, el('h2', {}, 'Settings'), settings(job.spec), details),
        el('div', { class: 'column' },
          el('section', { class: 'card', 'aria-label': 'About this job' }, el('h2', {}, 'About this job'), times(job),
            job.tuning && [el('h3', {}, 'Chosen from the data'), Object.entries(job.tuning).map(([name, t]) => tunedWords(name, t))],
            job.forecast && [el('h3', {}, 'Expected'), expectation(job.forecast)]),
          beside));
    },
  };
}
