/* All settings of a fit, made from /openapi.json: each with its meaning, its range and the preset's value.  Only what
 * the user changes is kept and sent.
 *
 *   const settings = makeSettings(api, changed)   changed() is called whenever the user changes something
 *   settings.mapping, settings.groups             elements
 *   settings.set                                  { field, train, measure }: what was changed
 *   settings.use(preset, set)                     another preset, as GET /v1/presets lists it; what of `set` it says as
 *                                                 well is left out
 *   settings.mappingType()
 *   settings.change({ '/train/steps': 100, … })   as if the user had; undefined: back to the preset's
 *   settings.resolved(spec)                       what it comes to, by POST /v1/estimates; null: not known
 *   settings.say(errors)                          [{ pointer, detail }], each beside its input; gives back those that have
 *                                                 none here */

import { el } from '/assets/dom.js';
import { at, follow, put, spoken, variants, written } from '/assets/parts/schema.js';
import { makeRow } from '/assets/parts/setting_row.js';

/* What one turns first; the others of a mapping stand behind "more". */
const KNOBS = {
  none: ['input_range'], basic: [], positional: ['scale', 'n_frequencies'], octave: ['n_octaves'], gaussian: ['sigma', 'n_frequencies'],
  explicit: ['b', 'a'], hashgrid: ['n_levels', 'finest_resolution', 'log2_hashmap_size'], densegrid: ['n_levels', 'finest_resolution'], concat: ['parts'],
};
const SLIDERS = {
  '/field/encoding/sigma': { low: 0.1, high: 1000, log: true },
  '/field/encoding/scale': { low: 0, high: 12 },
};

/* Settings that follow one another; those that are named nowhere stand at the end. */
const TRAIN = [
  ['When it ends', ['steps', 'time_limit_seconds', 'target_psnr', 'early_stop']],
  ['Each step', ['batch_size', 'learning_rate', 'schedule', 'optimizer', 'loss', 'precision', 'ema_decay']],
  ['What is kept for testing, and chance', ['holdout', 'holdout_fraction', 'holdout_stride', 'seed']],
];

const ENCODING = '/field/encoding';

const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);

export function makeSettings(api, changed) {
  const schemas = Object.fromEntries(['Network', 'Train', 'Measure', 'Encoding'].map((n) => [n, api.components.schemas[n]]));
  const mapping = el('div', { class: 'fit-mapping' });
  const groups = el('div', { class: 'fit-groups' });
  const settings = { mapping, groups, set: {} };
  let preset = null;
  let spec = null;
  let rows = new Map(); /* pointer → row */
  let unions = new Map(); /* pointer → { schema, draw } */
  let counters = [];

  /* --- values --- */

  const unionOf = (pointer) => [...unions.keys()].find((u) => pointer.startsWith(`${u}/`));
  const presetUnion = (pointer) => written(api, unions.get(pointer).schema, at(preset.parameters, pointer));
  const typeOf = (pointer) => {
    const mine = at(settings.set, pointer);
    return (typeof mine === 'string' ? mine : mine?.type) ?? presetUnion(pointer).type;
  };

  /* What stands where the user says nothing: the preset's, or the defaults of another type than the preset's. */
  function base(pointer) {
    const union = unionOf(pointer);
    if (union) {
      const type = typeOf(union);
      const whole = type === presetUnion(union).type ? presetUnion(union) : written(api, unions.get(union).schema, { type });
      return whole[pointer.slice(union.length + 1)];
    }
    const said = at(preset.parameters, pointer);
    return said === undefined ? rows.get(pointer)?.schema.default : said;
  }

  function resolvedAt(pointer) {
    if (!spec) return undefined;
    const union = unionOf(pointer);
    if (union && written(api, unions.get(union).schema, at(spec, union)).type !== typeOf(union)) return undefined; /* not asked yet */
    return union ? written(api, unions.get(union).schema, at(spec, union))[pointer.slice(union.length + 1)] : at(spec, pointer);
  }

  function refresh() {
    for (const row of rows.values()) row.show(base(row.pointer), at(settings.set, row.pointer) === undefined ? resolvedAt(row.pointer) : undefined);
    for (const count of counters) count();
  }

  function write(pointer, value) {
    put(settings.set, pointer, value);
    const union = unionOf(pointer);
    if (union && at(settings.set, union) && typeOf(union) !== presetUnion(union).type) put(settings.set, `${union}/type`, typeOf(union));
    refresh();
    changed();
  }

  /* --- rows --- */

  function addRow(place, pointer, schema) {
    const row = makeRow({
      pointer, schema, slider: SLIDERS[pointer],
      read: () => at(settings.set, pointer), write: (value) => write(pointer, value),
    });
    rows.set(pointer, row);
    place.append(row.element);
  }

  function dropRows(prefix) {
    for (const pointer of rows.keys()) if (pointer.startsWith(`${prefix}/`)) rows.delete(pointer);
  }

  function setType(pointer, type) {
    put(settings.set, pointer, type === presetUnion(pointer).type ? undefined : { type });
    unions.get(pointer).draw();
    refresh();
    changed();
  }

  /* An object whose type says which members it has: a choice, and the members of what is chosen. */
  function addUnion(place, pointer, schema) {
    const id = `set${pointer.replaceAll('/', '-')}`;
    const whole = follow(api, schema);
    const kinds = variants(api, whole);
    const select = el('select', { id, 'aria-describedby': `${id}-help`, onchange: () => setType(pointer, select.value) });
    const members = el('div', { class: 'fit-members' });
    const help = el('p', { class: 'hint', id: `${id}-help` });
    const box = el('div', { class: 'fit-union', 'data-pointer': pointer },
      el('div', { class: 'fit-setting' },
        el('div', { class: 'fit-name' }, el('label', { for: id }, spoken(pointer.split('/').pop()))), select, help),
      members);
    unions.set(pointer, {
      schema: whole,
      draw() {
        dropRows(pointer);
        members.replaceChildren();
        const [type, own] = [typeOf(pointer), presetUnion(pointer).type];
        select.replaceChildren(...[...kinds.keys()].map((k) => el('option', { value: k, selected: k === type }, k === own ? `${k} (preset)` : k)));
        help.textContent = kinds.get(type)?.description ?? '';
        for (const [name, member] of Object.entries(kinds.get(type)?.properties ?? {})) if (name !== 'type') addRow(members, `${pointer}/${name}`, follow(api, member));
      },
    });
    place.append(box);
    unions.get(pointer).draw();
  }

  function addMember(place, pointer, schema) {
    if (variants(api, schema)) addUnion(place, pointer, schema);
    else addRow(place, pointer, follow(api, schema));
  }

  /* --- the mapping --- */

  function drawMapping() {
    const kinds = variants(api, schemas.Encoding);
    const fieldset = el('fieldset', {}, el('legend', {}, 'Mapping'));
    const chips = el('div', { class: 'fit-chips' });
    const knobs = el('div', { class: 'fit-grid' });
    const more = el('div', { class: 'fit-grid' });
    const rest = el('details', {}, el('summary', {}, 'More of this mapping'), more);
    const about = el('p', { class: 'hint' });
    fieldset.append(chips, about);
    mapping.replaceChildren(fieldset, knobs, rest);
    unions.set(ENCODING, {
      schema: schemas.Encoding,
      draw() {
        dropRows(ENCODING);
        knobs.replaceChildren();
        more.replaceChildren();
        const type = typeOf(ENCODING);
        for (const input of chips.querySelectorAll('input')) input.checked = input.value === type;
        about.textContent = kinds.get(type)?.description ?? '';
        const names = Object.keys(kinds.get(type)?.properties ?? {}).filter((n) => n !== 'type');
        const first = Object.hasOwn(KNOBS, type) ? KNOBS[type] : names;
        for (const name of [...first, ...names.filter((n) => !first.includes(n))]) {
          addRow(first.includes(name) ? knobs : more, `${ENCODING}/${name}`, follow(api, kinds.get(type).properties[name]));
        }
        rest.hidden = !more.hasChildNodes();
      },
    });
    const own = presetUnion(ENCODING).type;
    chips.append(...[...kinds.keys()].map((type) => el('label', { class: 'fit-chip' },
      el('input', { type: 'radio', name: 'mapping', value: type, onchange: () => setType(ENCODING, type) }),
      el('span', {}, type, type === own && el('small', {}, ' preset')))));
    unions.get(ENCODING).draw();
  }

  /* --- groups --- */

  function addGroup(title, pointers, fill) {
    const badge = el('small', { class: 'fit-count' });
    const details = el('details', { class: 'fit-group card', 'data-title': title }, el('summary', {}, title, badge));
    fill(details);
    groups.append(details);
    counters.push(() => {
      const n = [...rows.values()].filter((r) => pointers.some((p) => r.pointer.startsWith(p)) && at(settings.set, r.pointer) !== undefined).length;
      badge.textContent = n ? `${n} changed` : '';
    });
  }

  function addAll(details, prefix, entries) {
    const grid = el('div', { class: 'fit-grid' });
    details.append(grid);
    for (const [name, schema] of entries) addMember(grid, `${prefix}/${name}`, schema);
  }

  function drawGroups() {
    groups.replaceChildren();
    counters = [];
    addGroup('Network', ['/field/network'], (d) => addAll(d, '/field/network', Object.entries(schemas.Network.properties)));
    addGroup('Training', ['/train'], (d) => {
      const left = new Map(Object.entries(schemas.Train.properties));
      for (const [title, names] of TRAIN) {
        d.append(el('h3', {}, title));
        addAll(d, '/train', names.filter((n) => left.has(n)).map((n) => [n, left.get(n)]));
        names.forEach((n) => left.delete(n));
      }
      if (left.size) addAll(d, '/train', [...left]);
    });
    const measured = Object.keys(preset.parameters.measure ?? {}); /* those that the task has */
    if (measured.length) {
      addGroup('Measurement', ['/measure'], (d) => addAll(d, '/measure', measured.map((n) => [n, schemas.Measure.properties[n]]).filter(([, s]) => s)));
    }
  }

  const openGroups = () => [...groups.children].filter((d) => d.open).map((d) => d.dataset.title);

  function draw() {
    const open = openGroups();
    rows = new Map();
    unions = new Map();
    spec = null;
    drawMapping();
    drawGroups();
    for (const group of groups.children) group.open = open.includes(group.dataset.title);
    prune();
    for (const union of unions.values()) union.draw();
    refresh();
  }

  /* What the preset says as well need not be said. */
  function prune() {
    for (const pointer of unions.keys()) {
      const mine = at(settings.set, pointer);
      if (mine === undefined || typeOf(pointer) !== presetUnion(pointer).type) continue;
      const { type, ...members } = typeof mine === 'string' ? { type: mine } : mine ?? {};
      put(settings.set, pointer, Object.keys(members).length ? members : undefined);
    }
    const walk = (object, path) => {
      for (const [name, value] of Object.entries(object)) {
        const pointer = `${path}/${name}`;
        if (value !== null && typeof value === 'object' && !Array.isArray(value)) walk(value, pointer);
        else if (!unions.has(pointer) && name !== 'type' && same(value, base(pointer))) put(settings.set, pointer, undefined);
      }
    };
    walk(structuredClone(settings.set), '');
  }

  /* --- outside --- */

  settings.use = (newPreset, set) => {
    const { task, dataset_id, labels, preset: named, ...own } = set; /* have inputs of their own */
    settings.set = structuredClone(own);
    preset = newPreset;
    draw();
  };
  settings.change = (changes) => {
    for (const [pointer, value] of Object.entries(changes)) put(settings.set, pointer, value);
    draw();
    changed();
  };
  settings.resolved = (newSpec) => {
    spec = newSpec;
    refresh();
  };
  settings.mappingType = () => typeOf(ENCODING);
  settings.say = (errors) => {
    for (const row of rows.values()) row.say(null);
    return errors.filter(({ pointer, detail }) => {
      const row = [...rows.values()].find((r) => pointer === r.pointer || pointer.startsWith(`${r.pointer}/`));
      if (!row) return true;
      row.say(detail);
      for (let d = row.element.closest('details'); d; d = d.parentElement.closest('details')) d.open = true;
      return false;
    });
  };
  return settings;
}
