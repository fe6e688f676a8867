/* "Four mappings side by side": the fits of Tancik et al. 2020 to one picture, which differ in the mapping alone. */

import { get, post } from '/assets/api.js';
import { actionButton, el, problemPlace } from '/assets/dom.js';
import { address, go } from '/assets/page.js';
import { duration } from '/assets/words.js';

const MAPPINGS = ['none', 'basic', 'positional', 'gaussian'];
const STEPS = [100, 250, 500, 1000, 2000];
const BATCH = 8192; /* the preset's 65,536 show the same eight times as slowly */

/* The fields of a sweep, in the order of its cells. */
async function fieldsOf(sweep, options) {
  const jobs = await Promise.all(sweep.cells.flatMap((cell) => cell.job_ids).map((id) => get(`/v1/jobs/${id}`, options)));
  return jobs.map((job) => job.field_id);
}

export function makeMappings({ page, datasets, chosen }) {
  const options = { signal: page.signal };
  const problem = problemPlace();
  const pictures = datasets.filter((d) => d.kind === 'image');
  if (!pictures.length) {
    return el('section', { class: 'card' }, el('h2', {}, 'Four mappings side by side'),
      el('p', {}, 'There is no picture yet. ', el('a', { href: '#/' }, 'Drop one on the start page'), ' first.'));
  }
  const dataset = el('select', { onchange: forecast }, pictures.map((d) => el('option', { value: d.id }, d.name || d.id)));
  const steps = el('select', { onchange: forecast }, STEPS.map((n) => el('option', { value: n }, String(n))));
  if (pictures.some((d) => d.id === chosen)) dataset.value = chosen;
  steps.value = '500';
  const hint = el('p', { class: 'hint', role: 'status' });
  const base = () => ({ preset: 'paper', task: 'image', train: { steps: Number(steps.value), batch_size: BATCH } });

  async function forecast() {
    problem.say(null);
    const body = { dataset_id: dataset.value, ...base() };
    try {
      const { estimate } = await post('/v1/estimates', body, options);
      if (body.dataset_id !== dataset.value || body.train.steps !== Number(steps.value)) return;
      const isKnown = Number.isFinite(estimate.seconds);
      hint.textContent = isKnown ? `About ${duration(MAPPINGS.length * estimate.seconds)} of training on this machine, one after the other.` : '';
    } catch (error) {
      if (error.name !== 'AbortError') problem.say(error);
    }
  }
  forecast();

  const start = actionButton('Fit the four mappings', problem, async () => {
    const grid = { '/field/encoding': MAPPINGS.map((type) => ({ type })) };
    const { id } = await post('/v1/sweeps', { dataset_ids: [dataset.value], base: base(), grid }, options);
    const fields = await fieldsOf(await get(`/v1/sweeps/${id}`, options), options);
    go('compare', { fields: fields.join(','), sweep: id });
  }, { class: 'main' });

  return el('section', { class: 'card', 'aria-label': 'Four mappings' },
    el('h2', {}, 'Four mappings side by side'),
    el('p', { class: 'hint' }, 'The coordinates themselves, one turn of sine and cosine, frequencies along the axes, random frequencies: the same network, trained on every second pixel with the ',
      el('em', {}, 'paper'), ' preset in batches of 8,192. Watch what each can learn.'),
    el('div', { class: 'actions' }, el('label', {}, 'Picture ', dataset), el('label', {}, 'Steps ', steps), start), hint, problem);
}

/* Of a comparison that began here. */
export const sweepLink = (page) => page.query.get('sweep') && el('a', { class: 'button', href: address(`sweeps/${page.query.get('sweep')}`) }, 'As a sweep');
