/* The form that starts a fit of a dataset.  Its state is in the address, and a link with settings fills it in:
 *
 *   #/datasets/ID?task=ct&preset=paper&set={"field":{…},"train":{…},"measure":{…}}&labels={"series":"kodak"}
 *
 * each of them as POST /v1/jobs takes it (set and labels as JSON); all may be left out, and what the preset says as well
 * is dropped.  After each change the body is sent to POST /v1/estimates: time and memory, or what is wrong where; and
 * then once more for the forecast of its quality, which takes the service a look at the data.
 *
 *   await makeFitForm(page, dataset, api, presets)   api: /openapi.json; presets: items of /v1/presets */

import { post } from '/assets/api.js';
import { el, problemPlace } from '/assets/dom.js';
import { go } from '/assets/page.js';
import { duration } from '/assets/words.js';
import { makeLabels } from '/assets/parts/labels.js';
import { makePlanBar } from '/assets/parts/plan_bar.js';
import { at, spoken, exactText } from '/assets/parts/schema.js';
import { makeSettings } from '/assets/parts/settings_form.js';
import { curlOfPost, makeTerminal } from '/assets/parts/terminal.js';
import { suggestionFor } from '/assets/parts/without_grid.js';

/* Tasks by kind of dataset, the one that follows by itself first. */
export const TASKS = {
  image: ['image', 'ct', 'mri'], volume: ['volume', 'mri'], shape: ['shape'], views: ['views'], sinogram: ['ct'], kspace: ['mri'], signal: ['signal'],
};
const ABOUT = {
  image: 'its colours at every pixel', volume: 'its values at every voxel', shape: 'inside and outside of the mesh', views: 'the scene, from its views',
  ct: 'from projections along lines', mri: 'from some of its frequencies', signal: 'its values at every sample',
};
const PAUSE = 350; /* ms after the last key before anything is asked */

/* JSON of the address; what is none is told in `wrong`, not ignored. */
function readJson(page, key, wrong) {
  const text = page.query.get(key);
  if (!text) return {};
  try {
    const value = JSON.parse(text);
    if (value !== null && typeof value === 'object' && !Array.isArray(value)) return value;
  } catch {
    /* said below */
  }
  wrong.push(`'${key}' is not a JSON object`);
  return {};
}

function radios(legend, name, options, chosen, onchange) {
  return el('fieldset', {}, el('legend', {}, legend), el('div', { class: `fit-${name}s` },
    options.map(({ value, title, text, extra }) => el('label', { class: 'fit-option' },
      el('input', { type: 'radio', name, value, checked: value === chosen, onchange: () => onchange(value) }),
      el('span', {}, el('b', {}, title), extra, text && el('span', { class: 'hint' }, text))))));
}

export function makeFitForm(page, dataset, api, presets) {
  const problem = problemPlace();
  const choices = el('div', { class: 'fit-choices' });
  const suggestion = el('div', { class: 'warning fit-suggestion', role: 'status', hidden: true });
  const back = el('button', { type: 'button', hidden: true, onclick: () => choosePreset(preset, {}) }, 'Back to the preset');
  const terminal = makeTerminal();
  const settings = makeSettings(api, changed);
  const labels = makeLabels(changed);
  const bar = makePlanBar(start);
  const tasks = TASKS[dataset.kind] ?? [dataset.kind];
  const ofTask = (t) => presets.filter((p) => p.task === t);
  const byDefault = (t) => ofTask(t).find((p) => p.default) ?? ofTask(t)[0];
  const wrong = []; /* with the address */
  let task = readChoice('task', tasks) ?? tasks[0];
  let preset = ofTask(task).find((p) => p.name === readChoice('preset', ofTask(task).map((q) => q.name))) ?? byDefault(task);
  let asking = null; /* AbortController of the estimate under way */
  let timer = null;

  function readChoice(key, names) {
    const name = page.query.get(key);
    if (!name || names.includes(name)) return name;
    wrong.push(`there is no ${key} '${name}' for these data`);
    return null;
  }

  function body() {
    const chosen = { dataset_id: dataset.id, ...(task === tasks[0] ? {} : { task }), ...(preset.default ? {} : { preset: preset.name }) };
    const words = labels.value();
    return { ...chosen, ...settings.set, ...chosen, ...(Object.keys(words).length ? { labels: words } : {}) };
  }

  /* --- task and preset --- */

  function choosePreset(chosen, set) {
    preset = chosen;
    settings.use(preset, set);
    changed();
  }

  function drawChoices() {
    const taskOptions = tasks.map((t) => ({ value: t, title: t, text: ABOUT[t] ? ` ${ABOUT[t]}` : '' }));
    const presetOptions = ofTask(task).map((p) => ({
      value: p.name, title: p.name, text: p.description, extra: el('span', { class: 'fit-cost', 'data-preset': p.name }),
    }));
    choices.replaceChildren(
      tasks.length > 1 ? radios('What is learned', 'task', taskOptions, task, (value) => {
        task = value;
        const { measure, ...kept } = settings.set; /* its members are another task's */
        choosePreset(ofTask(task).find((p) => p.name === preset.name) ?? byDefault(task), kept);
        drawChoices();
        choices.querySelector('input:checked').focus();
      }) : '',
      radios('Preset', 'preset', presetOptions, preset.name, (value) => choosePreset(ofTask(task).find((p) => p.name === value), settings.set)));
    for (const p of ofTask(task)) tellCost(p, choices.querySelector(`[data-preset="${p.name}"]`));
  }

  /* What the preset alone would take with these data. */
  async function tellCost(p, place) {
    try {
      const plan = await post('/v1/estimates', { dataset_id: dataset.id, task: p.task, preset: p.name }, { signal: page.signal });
      if (plan.estimate.seconds !== null) place.textContent = `about ${duration(plan.estimate.seconds)}`;
    } catch {
      /* it does not go with these data; choosing it says why */
    }
  }

  /* --- the suggestion --- */

  function suggest() {
    const wanted = suggestionFor(preset, settings.mappingType());
    const open = Object.entries(wanted).filter(([pointer]) => at(settings.set, pointer) === undefined);
    suggestion.hidden = !open.length;
    if (!open.length) return;
    const text = open.map(([pointer, v]) => `${spoken(pointer.split('/').pop()).toLowerCase()} ${exactText(v)}`).join(', ');
    suggestion.replaceChildren(
      el('p', {}, `The preset '${preset.name}' is made for a grid: its network is small and its steps are large. Without a grid this does better: ${text}.`),
      el('button', { type: 'button', onclick: () => settings.change(Object.fromEntries(open)) }, 'Use these settings'));
  }

  /* --- what it would cost, and what is wrong --- */

  function tell(errors) {
    const left = labels.say(settings.say(errors));
    problem.say(left.length ? new Error(left.map((e) => (e.pointer ? `${e.pointer}: ${e.detail}` : e.detail)).join('\n')) : null);
  }

  function refused(error) {
    if (error.status === 422 && error.errors.length) {
      tell(error.errors);
      bar.wrong(error.errors.length);
    } else {
      bar.show(null);
      if (error.status !== 404) problem.say(error.status ? error : new Error('The service did not answer.'));
    }
  }

  async function ask() {
    const mine = (asking = new AbortController());
    const asked = body();
    bar.busy('asking');
    try {
      const plan = await post('/v1/estimates', asked, { signal: mine.signal });
      tell([]);
      settings.resolved(plan.spec);
      bar.show(plan);
      expect(asked, mine);
    } catch (error) {
      if (mine !== asking || error.name === 'AbortError') return;
      refused(error);
    }
    if (mine === asking) bar.busy(null);
  }

  /* Nothing waits for it, and what it says of is over once anything is changed. */
  async function expect(asked, mine) {
    try {
      const plan = await post('/v1/estimates?forecast=true', asked, { signal: mine.signal });
      if (mine === asking) bar.expect(plan);
    } catch (error) {
      if (mine === asking && error.name !== 'AbortError') bar.expectNone(error.message);
    }
  }

  function changed() {
    asking?.abort();
    suggest();
    back.hidden = !Object.keys(settings.set).length;
    terminal.show(curlOfPost('/v1/jobs', body()));
    const json = (value) => (Object.keys(value).length ? JSON.stringify(value) : null);
    page.remember({
      task: task === tasks[0] ? null : task, preset: preset.default ? null : preset.name, set: json(settings.set), labels: json(labels.value()),
    });
    clearTimeout(timer);
    timer = setTimeout(ask, PAUSE);
  }

  async function start() {
    clearTimeout(timer);
    asking?.abort();
    bar.busy('starting');
    try {
      const job = await post('/v1/jobs', body(), { signal: page.signal });
      go(`jobs/${job.id}`);
    } catch (error) {
      if (error.name === 'AbortError') return;
      refused(error);
      form.querySelector('[aria-invalid]')?.focus();
      bar.busy(null);
    }
  }

  page.onLeave(() => {
    clearTimeout(timer);
    asking?.abort();
  });

  const form = el('form', { class: 'fit-form', noValidate: true, onsubmit: (e) => e.preventDefault() },
    el('div', { class: 'fit-head' }, el('h2', {}, 'Start a fit'), back), choices, settings.mapping, suggestion, settings.groups, labels.element,
    el('details', { class: 'fit-group card' }, el('summary', {}, 'The same from a terminal'), terminal.element),
    problem, bar.element);
  settings.use(preset, readJson(page, 'set', wrong));
  labels.fill(readJson(page, 'labels', wrong));
  drawChoices();
  changed();
  if (wrong.length) form.prepend(el('p', { class: 'warning' }, `Of this page's address, ${wrong.join('; ')}: left out.`));
  return form;
}
