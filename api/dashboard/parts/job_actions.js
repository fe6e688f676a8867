/* What can be done with a job, in the state it is in. */

import { del, fetchBytes, post } from '/assets/api.js';
import { actionButton, el } from '/assets/dom.js';
import { address, go } from '/assets/page.js';
import { saveBlob } from '/assets/session.js';
import { ENDED } from '/assets/words.js';

const MOST_STEPS = 10000000;

/* A question that takes the actions' place: its controls, and a way back. */
function ask(label, controls, back) {
  return el('div', { class: 'actions asking', role: 'group', 'aria-label': label }, controls, el('button', { type: 'button', class: 'plain', onclick: back }, 'Back'));
}

const link = (text, path, file) => el('a', { class: 'button', href: path, download: file, 'data-file': file }, text);

/* "#/datasets/…" with the job's own settings to begin from: see pages/dataset.js. */
function againAddress({ dataset_id, task, spec: { preset, field, train, measure } }) {
  return address(`datasets/${dataset_id}`, { task, preset, set: JSON.stringify({ field, train, measure }) });
}

/* The name of its files. */
const fileName = (job, dataset) => (dataset?.name ?? job.id).replace(/\.\w+(\.gz)?$/, '').replace(/[^\w.-]+/g, '_') || job.id;

/* A plot is asked for by its Accept header, which no link sends. */
async function savePlot(job, name, signal) {
  const response = await fetchBytes(`/v1/jobs/${job.id}/metrics?width=1280&height=720`, { signal, headers: { Accept: 'image/png' } });
  saveBlob(await response.blob(), `${name}-curves.png`);
}

/* actions.draw(job) when its state has changed; onChange(job) when the service has answered with it. */
export function makeJobActions({ page, dataset, hasField, problem, onChange, earlier }) {
  const element = el('div', { class: 'actions job-actions' });
  let job = null;
  let drawn = null;
  let keepsFocus = false; /* a button that had it and was disabled has lost it */

  const back = (selector) => () => {
    fill();
    element.querySelector(selector)?.focus();
  };

  async function cancel() {
    keepsFocus = element.contains(document.activeElement);
    onChange({ ...await post(`/v1/jobs/${job.id}/cancel`, {}, { signal: page.signal }), isCanceling: true });
  }

  function askSteps() {
    const input = el('input', { type: 'number', id: 'resume-steps', required: true, min: job.step + 1, max: MOST_STEPS, step: 1, value: Math.min(MOST_STEPS, 2 * Math.max(job.step, job.steps ?? 0, 1)) });
    const form = el('form', { class: 'actions', onsubmit: (e) => e.preventDefault() }, el('label', { for: 'resume-steps' }, 'Steps in all'), input,
      actionButton('Go on', problem, async () => {
        if (!input.reportValidity()) return;
        const next = await post(`/v1/jobs/${job.id}/resume`, { train: { steps: Number(input.value) } }, { signal: page.signal });
        go(`jobs/${next.id}`, { ...Object.fromEntries(page.query), after: [job.id, ...earlier].join() });
      }, { type: 'submit', class: 'main' }));
    element.replaceChildren(ask('Resume', form, back('[data-act="resume"]')));
    input.focus();
    input.select();
  }

  function askDelete() {
    const yes = actionButton('Delete it', problem, async () => {
      await del(`/v1/jobs/${job.id}`, { signal: page.signal });
      go('jobs');
    }, { class: 'bad' });
    element.replaceChildren(ask('Delete the job', [el('span', {}, 'Its curves and settings go; its field stays.'), yes], back('[data-act="delete"]')));
    yes.focus();
  }

  const button = (act, text, onclick, className) => el('button', { type: 'button', 'data-act': act, class: className, onclick }, text);

  function fill() {
    const ended = ENDED.has(job.status);
    element.replaceChildren(...[
      hasField() && el('a', { class: 'button main', href: `#/fields/${job.field_id}` }, 'Look into the field'),
      !ended && actionButton('Cancel', problem, cancel, { 'data-act': 'cancel' }),
      ended && button('resume', 'Resume', askSteps),
      dataset && el('a', { class: 'button', href: againAddress(job) }, 'Fit again with other settings'),
      ended && button('delete', 'Delete job', askDelete, 'bad'),
    ].filter(Boolean));
  }

  return {
    element,
    draw(next) {
      job = next;
      const state = `${job.status} ${hasField()}`;
      if (state === drawn) return;
      drawn = state;
      const hadFocus = element.contains(document.activeElement) || (keepsFocus && document.activeElement === document.body);
      keepsFocus = false;
      fill();
      if (hadFocus) element.querySelector('a, button')?.focus(); /* the keyboard stays among the actions */
    },
  };
}

/* Files of a job and of its field. */
export function makeJobFiles({ page, dataset, hasField, problem }) {
  const element = el('section', { class: 'card', 'aria-label': 'Downloads' });
  let drawn = null;
  return {
    element,
    draw(job) {
      if (drawn === hasField()) return;
      drawn = hasField();
      const name = fileName(job, dataset);
      const { width, height } = dataset?.info ?? {};
      const isPicture = job.task === 'image' && width && height;
      element.replaceChildren(el('h2', {}, 'Downloads'), el('div', { class: 'actions' }, [
        drawn && isPicture && link('PNG, 2×', `/v1/fields/${job.field_id}/image?width=${2 * width}&height=${2 * height}`, `${name}-2x.png`),
        drawn && link('Weights', `/v1/fields/${job.field_id}/weights`, `${name}.safetensors`),
        link('Metrics, JSON', `/v1/jobs/${job.id}/metrics`, `${name}-metrics.json`),
        actionButton('Plot, PNG', problem, () => savePlot(job, name, page.signal)),
        link('Job, JSON', `/v1/jobs/${job.id}`, `${name}-job.json`),
      ].filter(Boolean)));
    },
  };
}
