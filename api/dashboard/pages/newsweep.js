/* The form that begins a sweep.  Its state is in the address:
 *
 *   #/sweeps?new=1&dataset=ID,ID&task=image&preset=paper&set={…}&grid={"/field/encoding/sigma":[1,4,16]}&name=…
 *   #/sweeps?new=1&from=SWEEP     filled in as that one was */

import { get, post } from '/assets/api.js';
import { el, problemPlace } from '/assets/dom.js';
import { go } from '/assets/page.js';
import { doubled, makeAxis, spaced } from '/assets/parts/axis.js';
import { makeDatasetPicker } from '/assets/parts/dataset_picker.js';
import { Directory } from '/assets/parts/directory.js';
import { TASKS } from '/assets/parts/fit_form.js';
import { at, put, exactText } from '/assets/parts/schema.js';
import { makeSettings } from '/assets/parts/settings_form.js';
import { curlOfPost, makeTerminal } from '/assets/parts/terminal.js';
import { count, duration } from '/assets/words.js';

const MOST = 1000;
const PAUSE = 350;
const QUICK = 250; /* steps: enough to see what each setting can learn */

const RECIPES = [
  { name: 'σ sweep', text: 'Random frequencies from far too low to far too high: the under- and the overfitted end.', grid: { '/field/encoding/sigma': spaced(1, 64, 7, true) } },
  { name: 'Four mappings', text: 'The same network behind no mapping, one turn, frequencies along the axes, random ones.', grid: { '/field/encoding': ['none', 'basic', 'positional', 'gaussian'].map((type) => ({ type })) } },
  { name: 'Depth', text: 'The same mapping before a deeper and deeper network.', grid: { '/field/network/n_hidden_layers': [1, 2, 3, 5, 8] } },
];

const long = (seconds) => (seconds < 172800 ? duration(seconds) : `${count(Math.round(seconds / 86400))} days`);

function readJson(text) {
  try {
    const value = JSON.parse(text ?? '{}');
    return value !== null && typeof value === 'object' && !Array.isArray(value) ? value : {};
  } catch {
    return {};
  }
}

/* { dataset, task, preset, set, grid, name } of the address, or of the sweep it names. */
async function beginning(page) {
  const from = page.query.get('from');
  const { query } = page;
  if (!from) {
    return { datasets: (query.get('dataset') ?? '').split(',').filter(Boolean), task: query.get('task'), preset: query.get('preset'), set: readJson(query.get('set')), grid: readJson(query.get('grid')), name: query.get('name') ?? '' };
  }
  const sweep = await get(`/v1/sweeps/${from}`, { signal: page.signal });
  const { task = null, preset = null, labels, ...set } = sweep.base;
  page.remember({ from: null });
  return { datasets: sweep.dataset_ids, task, preset, set, grid: Object.fromEntries(sweep.axes.map((a) => [a.pointer, a.values])), name: sweep.name };
}

export async function openForm(page) {
  page.title('Start a sweep');
  const options = { signal: page.signal };
  const problem = problemPlace();
  const place = el('div', { class: 'newsweep' }, el('p', { class: 'hint' }, 'Loading the settings …'));
  page.place.append(el('div', { class: 'head' }, el('div', {}, el('h1', {}, 'Start a sweep'), el('p', { class: 'sub' }, 'One fit for each combination of settings, compared in a table, a plot and pictures.'))), problem, place);
  const [api, presets, first] = await Promise.all([get('/openapi.json', options), get('/v1/presets', options), beginning(page)]);
  const form = new Form(page, problem, api, presets.items, first);
  await form.open();
  place.replaceWith(form.element);
}

class Form {
  constructor(page, problem, api, presets, first) {
    Object.assign(this, { page, problem, api, presets, first });
    this.axes = [];
    this.timer = null;
    this.asking = null;
    page.onLeave(() => {
      clearTimeout(this.timer);
      this.asking?.abort();
    });
  }

  async open() {
    const { page, api, first } = this;
    const changed = () => this.changed();
    this.picker = makeDatasetPicker(page, { datasets: new Directory('/v1/datasets', page.signal), chosen: first.datasets, changed: () => this.datasetsChanged() });
    this.settings = makeSettings(api, changed);
    this.terminal = makeTerminal();
    this.task = el('select', { onchange: () => this.usePreset(null) });
    this.preset = el('select', { onchange: () => this.usePreset(this.preset.value) });
    this.steps = el('input', { type: 'number', min: 1, max: 10000000, onchange: () => this.settings.change({ '/train/steps': this.steps.value ? Number(this.steps.value) : undefined }) });
    this.name = el('input', { type: 'text', maxLength: 128, autocomplete: 'off', value: first.name, oninput: changed });
    this.axesPlace = el('div', { class: 'axes' });
    this.about = el('p', { class: 'hint' });
    this.plan = el('div', { role: 'status' });
    this.start = el('button', { type: 'submit', class: 'main' }, 'Start the sweep');
    const step = (title, ...children) => el('section', { class: 'newsweep-part' }, el('h2', {}, title), children);
    this.element = el('form', { class: 'newsweep', noValidate: true, onsubmit: (e) => this.send(e) },
      step('What to fit', this.picker.element),
      step('What varies', el('div', { class: 'recipes' }, RECIPES.map((r) => el('button', { type: 'button', class: 'recipe', onclick: () => this.useRecipe(r) }, el('b', {}, r.name), el('span', { class: 'hint' }, r.text)))),
        this.axesPlace, el('button', { type: 'button', onclick: () => this.addAxis(null, []).focus() }, 'Add a setting that varies')),
      step('What all share', el('div', { class: 'tools' }, el('label', {}, 'Task ', this.task), el('label', {}, 'Preset ', this.preset), el('label', {}, 'Steps ', this.steps), el('label', {}, 'Name ', this.name)), this.about,
        el('details', { class: 'fit-group card' }, el('summary', {}, 'All settings'), this.settings.mapping, this.settings.groups)),
      el('details', { class: 'fit-group card' }, el('summary', {}, 'The same from a terminal'), this.terminal.element),
      el('div', { class: 'chosen card' }, this.plan, this.start));
    await this.picker.open();
    this.fillTasks(first.task);
    const preset = this.ofTask().find((p) => p.name === first.preset) ?? this.byDefault();
    this.fillPresets(preset);
    this.settings.use(preset, first.set);
    for (const [pointer, values] of Object.entries(first.grid)) if (Array.isArray(values)) this.addAxis(pointer, values);
    if (!this.axes.length) this.addAxis(null, []);
    this.changed();
  }

  /* --- task and preset --- */

  kind() {
    return this.picker.chosen()[0]?.kind ?? 'image';
  }

  fillTasks(wanted) {
    const tasks = TASKS[this.kind()] ?? [this.kind()];
    this.task.replaceChildren(...tasks.map((t) => el('option', { value: t }, t)));
    if (tasks.includes(wanted)) this.task.value = wanted;
  }

  ofTask() {
    return this.presets.filter((p) => p.task === this.task.value);
  }

  byDefault() {
    return this.ofTask().find((p) => p.name === 'paper') ?? this.ofTask()[0];
  }

  fillPresets(preset) {
    this.preset.replaceChildren(...this.ofTask().map((p) => el('option', { value: p.name }, p.name)));
    this.preset.value = preset.name;
    this.about.textContent = preset.description;
  }

  usePreset(name) {
    const preset = this.ofTask().find((p) => p.name === name) ?? this.byDefault();
    this.fillPresets(preset);
    const { measure, ...kept } = this.settings.set;
    this.settings.use(preset, name ? this.settings.set : kept);
    this.changed();
  }

  datasetsChanged() {
    if (!(TASKS[this.kind()] ?? []).includes(this.task.value)) {
      this.fillTasks(null);
      this.usePreset(null);
    }
    this.changed();
  }

  /* --- axes --- */

  addAxis(pointer, values) {
    const axis = makeAxis({ api: this.api, task: this.task.value, pointer, values, changed: () => this.axisChanged(axis), remove: () => this.removeAxis(axis) });
    this.axes.push(axis);
    this.axesPlace.append(axis.element);
    return axis;
  }

  removeAxis(axis) {
    this.axes = this.axes.filter((a) => a !== axis);
    axis.element.remove();
    this.changed();
  }

  /* A setting of a mapping needs one that has it, unless the mapping varies, too. */
  axisChanged(axis) {
    const types = axis.types();
    const mappingVaries = this.axes.some((a) => a.pointer() === '/field/encoding');
    if (types.length && !mappingVaries && !types.includes(this.settings.mappingType())) this.settings.change({ '/field/encoding': { type: types[0] } });
    else this.changed();
  }

  useRecipe({ grid }) {
    for (const axis of this.axes) axis.element.remove();
    this.axes = [];
    const preset = this.ofTask().find((p) => p.name === 'paper') ?? this.byDefault();
    this.fillPresets(preset);
    this.settings.use(preset, { train: { steps: QUICK } });
    for (const [pointer, values] of Object.entries(grid)) this.axisChanged(this.addAxis(pointer, values));
    this.changed();
  }

  /* --- the request --- */

  grid() {
    return Object.fromEntries(this.axes.filter((a) => a.pointer()).map((a) => [a.pointer(), a.values()]));
  }

  body() {
    const tasks = TASKS[this.kind()] ?? [];
    const base = { ...(this.task.value === tasks[0] ? {} : { task: this.task.value }), preset: this.preset.value, ...this.settings.set };
    return { dataset_ids: this.picker.chosen().map((d) => d.id), base, grid: this.grid(), ...(this.name.value.trim() ? { name: this.name.value.trim() } : {}) };
  }

  /* How many jobs, or null where something is missing, which is then said. */
  count() {
    const pointers = this.axes.map((a) => a.pointer());
    let isWhole = true;
    for (const axis of this.axes) {
      const isDouble = axis.pointer() && pointers.filter((p) => p === axis.pointer()).length > 1;
      const wrong = isDouble ? 'This setting stands there twice.' : doubled(axis.values());
      axis.say(wrong);
      if (wrong || (axis.pointer() && !axis.values().length)) isWhole = false;
    }
    if (!isWhole || !this.picker.chosen().length) return null;
    return Object.values(this.grid()).reduce((n, values) => n * values.length, this.picker.chosen().length);
  }

  changed() {
    if (!this.settings.set || !this.start) return;
    const body = this.body();
    const n = this.count();
    this.problem.say(null);
    this.steps.value = at(this.settings.set, '/train/steps') ?? '';
    this.steps.placeholder = exactText(at(this.presets.find((p) => p.task === this.task.value && p.name === this.preset.value)?.parameters ?? {}, '/train/steps') ?? 'by time');
    this.terminal.show(curlOfPost('/v1/sweeps', body));
    const json = (v) => (Object.keys(v).length ? JSON.stringify(v) : null);
    this.page.remember({ dataset: body.dataset_ids.join(','), task: body.base.task ?? null, preset: this.preset.value, set: json(this.settings.set), grid: json(body.grid), name: this.name.value.trim() });
    this.start.disabled = n === null || n > MOST;
    this.tellCount(n, body);
    clearTimeout(this.timer);
    if (n !== null && n <= MOST) this.timer = setTimeout(() => this.estimate(body, n), PAUSE);
  }

  tellCount(n, { dataset_ids: ids, grid }) {
    if (n === null) {
      const text = ids.length ? 'A setting that varies has no values yet, or one twice.' : 'Choose at least one dataset.';
      this.plan.replaceChildren(el('span', { class: 'hint' }, text));
      return;
    }
    const factors = [...Object.values(grid).map((v) => count(v.length)), ...(ids.length > 1 ? [`${count(ids.length)} datasets`] : [])];
    const product = factors.length > 1 ? ` = ${factors.join(' × ')}` : '';
    this.time = el('span', { class: 'hint' });
    this.plan.replaceChildren(el('strong', {}, `${count(n)} ${n === 1 ? 'job' : 'jobs'}`), product, n > MOST ? `: at most ${count(MOST)}.` : ' ', this.time);
  }

  /* What the first and the last combination would take, and so about all of them. */
  async estimate(body, n) {
    this.asking?.abort();
    const mine = (this.asking = new AbortController());
    const jobOf = (choose) => {
      const job = structuredClone(body.base);
      for (const [pointer, values] of Object.entries(body.grid).sort((a, b) => a[0].length - b[0].length)) put(job, pointer, structuredClone(choose(values)));
      return { ...job, dataset_id: body.dataset_ids[0] };
    };
    try {
      const plans = await Promise.all([(v) => v[0], (v) => v[v.length - 1]].map((choose) => post('/v1/estimates', jobOf(choose), { signal: mine.signal })));
      this.settings.say([]);
      const seconds = plans.map((p) => p.estimate.seconds);
      if (seconds.every((s) => s !== null)) this.time.textContent = `About ${long((n * (seconds[0] + seconds[1])) / 2)} of this machine, one after the other.`;
    } catch (error) {
      if (error.name !== 'AbortError') this.tell(error, (pointer) => this.placeInJob(pointer));
    }
  }

  /* --- what is wrong --- */

  /* A place in one job → in the sweep's body: on the axis that gave it, or in what all share. */
  placeInJob(pointer) {
    const axis = this.axes.find((a) => a.pointer() && (pointer === a.pointer() || pointer.startsWith(`${a.pointer()}/`)));
    return axis ? { axis, rest: '' } : { base: pointer };
  }

  placeInSweep(pointer) {
    const [, room, key, index] = /^\/(grid|base)\/?([^/]*)\/?(\d*)/.exec(pointer) ?? [];
    if (room === 'base') return { base: pointer.slice('/base'.length) };
    const axis = room === 'grid' && this.axes.find((a) => a.pointer() === key.replaceAll('~1', '/').replaceAll('~0', '~'));
    return axis ? { axis, rest: index === '' ? '' : `${exactText(axis.values()[Number(index)] ?? '')}: ` } : {};
  }

  tell(error, placeOf) {
    const left = [];
    const base = [];
    for (const e of error.errors ?? []) {
      const place = placeOf(e.pointer);
      if (place.axis) place.axis.say(place.rest + e.detail);
      else if (place.base) base.push({ pointer: place.base, detail: e.detail });
      else left.push(e);
    }
    const homeless = [...left, ...this.settings.say(base)];
    for (const row of this.element.querySelectorAll('[aria-invalid]')) for (let d = row.closest('details'); d; d = d.parentElement.closest('details')) d.open = true;
    if (homeless.length) this.problem.say(new Error(homeless.map((e) => `${e.pointer}: ${e.detail}`).join('\n')));
    else if (!error.errors?.length) this.problem.say(error);
  }

  async send(e) {
    e.preventDefault();
    clearTimeout(this.timer);
    this.asking?.abort();
    this.problem.say(null);
    this.start.disabled = true;
    try {
      const sweep = await post('/v1/sweeps', this.body(), { signal: this.page.signal });
      go(`sweeps/${sweep.id}`);
    } catch (error) {
      if (error.name === 'AbortError') return;
      this.tell(error, (pointer) => this.placeInSweep(pointer));
      if (!this.problem.hidden) this.problem.scrollIntoView({ block: 'center' });
      this.start.disabled = false;
    }
  }
}
