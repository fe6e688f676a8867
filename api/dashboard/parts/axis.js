/* One axis of a sweep: which setting, and which values it takes.
 *
 *   const axis = makeAxis({ api, task, pointer, values, changed, remove })
 *   axis.element, axis.pointer(), axis.values() (empty: none yet, or not readable), axis.say(text or null)
 *   settingsOf(api, task)   what can be an axis: Map of pointer → { name, schema, group, types: mappings that have it } */

import { el } from '/assets/dom.js';
import { choices, exactText, follow, isChoice, isList, parse, rangeText, spoken, variants } from '/assets/parts/schema.js';
import { settingName, valueText } from '/assets/parts/setting.js';
import { number } from '/assets/words.js';

const MAPPING = '/field/encoding';

/* "Of ct: …", "Of mri over an image or volume: …": which tasks a member of `measure` is for. */
function isOfTask(schema, task) {
  const found = /^Of (?:an? )?(\w+)(?: and (\w+))?/.exec(schema.description ?? '');
  return !found || found.slice(1).includes(task);
}

export function settingsOf(api, task) {
  const { schemas } = api.components;
  const found = new Map([[MAPPING, { name: 'mapping', schema: null, group: 'Mapping', types: [] }]]);
  for (const [type, union] of variants(api, schemas.Encoding)) {
    for (const [name, member] of Object.entries(union.properties)) {
      const schema = follow(api, member);
      if (name === 'type' || isList(schema)) continue;
      const pointer = `${MAPPING}/${name}`;
      if (!found.has(pointer)) found.set(pointer, { name: settingName(pointer), schema, group: 'Mapping', types: [] });
      found.get(pointer).types.push(type);
    }
  }
  const add = (group, prefix, properties) => {
    for (const [name, member] of Object.entries(properties)) {
      const schema = follow(api, member);
      if (isList(schema) || schema.oneOf || !schema.type && !schema.enum) continue;
      if (prefix === '/measure' && !isOfTask(schema, task)) continue;
      found.set(`${prefix}/${name}`, { name: settingName(`${prefix}/${name}`), schema, group, types: [] });
    }
  };
  add('Network', '/field/network', schemas.Network.properties);
  add('Training', '/train', schemas.Train.properties);
  add('Measurement', '/measure', schemas.Measure.properties);
  return found;
}

/* n numbers from low to high, by equal steps or equal factors, as short as they can be told. */
export function spaced(low, high, n, log, whole) {
  if (n === 1) return [low];
  const at = (t) => (log ? low * (high / low) ** t : low + t * (high - low));
  const round = (v) => (whole ? Math.round(v) : Number(v.toPrecision(4)));
  return [...new Set(Array.from({ length: n }, (_, i) => round(at(i / (n - 1)))))];
}

/* Numbers, or words the setting takes, apart by commas; nothing of it is dropped: what is wrong the service says. */
function readList(schema, text) {
  return text.split(/[,;\s]+/).filter(Boolean).map((t) => parse(schema, t));
}

export function makeAxis({ api, task, pointer, values, changed, remove }) {
  const all = settingsOf(api, task);
  const groups = [...new Set([...all.values()].map((s) => s.group))];
  const select = el('select', { onchange: () => {
    given = [];
    draw();
    changed();
  } }, el('option', { value: '' }, 'choose a setting'), groups.map((group) => {
    const options = [...all].filter(([, s]) => s.group === group).map(([p, s]) => el('option', { value: p }, s.types.length ? `${s.name} (${s.types.join(', ')})` : s.name));
    const optgroup = el('optgroup', {}, options);
    optgroup.label = group;
    return optgroup;
  }));
  const place = el('div', { class: 'axis-values' });
  const about = el('p', { class: 'hint' });
  const problem = el('p', { class: 'fit-wrong', role: 'alert', hidden: true });
  const element = el('fieldset', { class: 'card axis' }, el('legend', { class: 'visually-hidden' }, 'Axis'),
    el('div', { class: 'axis-head' }, el('label', {}, 'Setting ', select), el('button', { type: 'button', class: 'plain', onclick: remove, 'aria-label': 'Take this axis away' }, '✕')),
    place, problem, about);
  let given = values;

  function take(newer) {
    given = newer;
    changed();
  }

  /* A box for each value; those that came otherwise (a mapping with settings of its own) have theirs, too. */
  function drawBoxes(options) {
    const texts = options.map((o) => JSON.stringify(o));
    const extra = given.filter((v) => !texts.includes(JSON.stringify(v)));
    const boxes = [...options, ...extra].map((value) => el('label', { class: 'fit-chip' }, el('input', {
      type: 'checkbox', checked: given.some((v) => JSON.stringify(v) === JSON.stringify(value)),
      onchange: (e) => take(e.target.checked ? [...given, value] : given.filter((v) => JSON.stringify(v) !== JSON.stringify(value))),
    }), el('span', {}, valueText(value))));
    place.replaceChildren(el('div', { class: 'fit-chips' }, boxes));
  }

  function drawNumbers(schema) {
    const whole = [schema.type].flat()[0] === 'integer';
    const list = el('input', { type: 'text', autocomplete: 'off', spellcheck: false, value: given.map(exactText).join(', '), placeholder: '1, 2, 4', oninput: () => take(readList(schema, list.value)) });
    const field = (name, value, props = {}) => [el('input', { type: 'text', inputMode: 'decimal', size: 6, value, ...props }), name];
    const numbers = given.filter((v) => typeof v === 'number');
    const [from, to, n] = [field('from', numbers[0] ?? ''), field('to', numbers[numbers.length - 1] ?? ''), field('values', numbers.length || 5)];
    const scale = el('select', {}, el('option', { value: 'log' }, 'equal factors'), el('option', { value: 'linear' }, 'equal steps'));
    if (select.value === '/train/seed' || numbers.some((v) => v <= 0)) scale.value = 'linear';
    const fill = el('button', { type: 'button', onclick: () => {
      const [low, high, count] = [from, to, n].map(([input]) => Number(input.value));
      const log = scale.value === 'log';
      if (![low, high].every(Number.isFinite) || !(count >= 1 && count <= 1000) || (log && !(low > 0 && high > 0))) {
        say(log ? 'A range by equal factors goes from and to numbers over 0, in 1 to 1,000 values.' : 'A range goes from a number to a number, in 1 to 1,000 values.');
        return;
      }
      say(null);
      list.value = spaced(low, high, Math.round(count), log, whole).map(exactText).join(', ');
      take(readList(schema, list.value));
    } }, 'Fill in');
    place.replaceChildren(el('label', { class: 'axis-list' }, 'Values ', list),
      el('div', { class: 'axis-range' }, el('label', {}, 'From ', from[0]), el('label', {}, 'to ', to[0]), el('label', {}, 'in ', n[0]), el('label', {}, 'values, by ', scale), fill));
  }

  function draw() {
    const setting = all.get(select.value);
    say(null);
    about.textContent = '';
    if (!setting) {
      place.replaceChildren();
      return;
    }
    if (!setting.schema) {
      drawBoxes([...variants(api, api.components.schemas.Encoding).keys()].filter((t) => !['explicit', 'concat'].includes(t)).map((type) => ({ type })));
      about.textContent = 'Each with its own defaults; settings of the mapping that all share are not taken over.';
    } else if (isChoice(setting.schema)) {
      drawBoxes(choices(setting.schema));
      about.textContent = setting.schema.description ?? '';
    } else {
      drawNumbers(setting.schema);
      about.textContent = `${setting.schema.description ?? ''} ${rangeText(setting.schema)}.`;
    }
  }

  function say(text) {
    problem.textContent = text ?? '';
    problem.hidden = !text;
  }

  if (pointer && !all.has(pointer)) {
    all.set(pointer, { name: pointer, schema: {}, group: 'Other', types: [] });
    select.append(el('option', { value: pointer }, spoken(pointer.slice(1))));
  }
  select.value = pointer ?? '';
  draw();
  return {
    element,
    pointer: () => select.value,
    values: () => given,
    types: () => all.get(select.value)?.types ?? [],
    name: () => all.get(select.value)?.name ?? '',
    say,
    focus: () => select.focus(),
  };
}

/* "7", or what is wrong: values that stand twice. */
export function doubled(values) {
  const texts = values.map((v) => JSON.stringify(v));
  const twice = texts.find((t, i) => texts.indexOf(t) !== i);
  return twice === undefined ? null : `${typeof JSON.parse(twice) === 'number' ? number(JSON.parse(twice), 6) : twice} stands there twice.`;
}
