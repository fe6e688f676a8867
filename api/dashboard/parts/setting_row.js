/* One setting: its name, an input of its own kind, what it means and what it may be, and what is wrong with it.
 *
 *   const row = makeRow({ pointer, schema, slider, read, write })
 *     slider   { low, high, log } for settings that are felt better than typed
 *     read()   the value that the user gave, undefined where the preset's stands
 *     write(value)
 *   row.element, .pointer, .schema
 *   row.show(base, resolved)   what stands where the user gives nothing: the preset's, and what "auto" comes to
 *   row.say(text or null)      what is wrong */

import { el } from '/assets/dom.js';
import { choices, isChoice, isList, parse, rangeText, spoken, exactText } from '/assets/parts/schema.js';

const LONG = 110; /* letters of an explanation that are shown at once */

const idOf = (pointer) => `set${pointer.replaceAll(/[^\w]/g, '-')}`;

/* Of what has no preset: how it is written. */
const EXAMPLES = { b: 'such as [[1, 0], [0, 1]]', a: 'such as [1, 0.5]', parts: 'such as [{"type":"hashgrid"},{"type":"gaussian","sigma":10}]' };

function baseText(name, base, resolved) {
  if (base === undefined) return EXAMPLES[name] ?? '';
  if (base === 'auto' && resolved !== undefined && resolved !== 'auto') return `auto: ${exactText(resolved)}`;
  return exactText(resolved === undefined ? base : resolved);
}

/* What a setting means: the first sentences, the others behind "more". */
function meaning(name, schema, id) {
  const sentences = schema.description?.split(/(?<=\.) /) ?? [];
  let first = sentences.shift() ?? '';
  while (sentences.length && first.length + sentences[0].length < LONG) first += ` ${sentences.shift()}`;
  const range = rangeText(schema);
  const rest = sentences.join(' ');
  return el('div', { class: 'hint', id }, el('code', {}, name), ` ${first}`, range && ` ${range}.`,
    rest && el('details', {}, el('summary', {}, 'More', el('span', { class: 'visually-hidden' }, ` about ${spoken(name)}`)), rest));
}

/* A choice begins with "what the preset says". */
function makeChoice(schema, about) {
  const preset = el('option', { value: '' });
  const select = el('select', about, preset, choices(schema).map((v) => el('option', { value: JSON.stringify(v) }, exactText(v))));
  return {
    input: select,
    fill: (value) => (select.value = value === undefined ? '' : JSON.stringify(value)),
    given: () => (select.value === '' ? undefined : JSON.parse(select.value)),
    hint: (text) => (preset.textContent = text ? `preset: ${text}` : 'preset'),
  };
}

function makeText(schema, about) {
  const input = isList(schema) ? el('textarea', { ...about, rows: 2 }) : el('input', { ...about, type: 'text', inputMode: 'decimal' });
  input.autocomplete = 'off';
  input.spellcheck = false;
  return {
    input,
    fill: (value) => (input.value = value === undefined ? '' : exactText(value)),
    given: () => parse(schema, input.value),
    hint: (text) => (input.placeholder = text),
  };
}

function makeSlider({ low, high, log }, label, slid) {
  const [place, value] = log ? [Math.log10, (v) => Number((10 ** v).toPrecision(3))] : [Number, Number];
  const slider = el('input', {
    type: 'range', min: place(low), max: place(high), step: log ? 0.01 : 0.05, 'aria-label': `${label}, slider`,
    oninput: () => slid(value(slider.value)),
  });
  slider.fill = (v) => {
    if (typeof v !== 'number') return;
    slider.value = place(Math.max(v, low));
    slider.setAttribute('aria-valuetext', exactText(v));
  };
  return slider;
}

export function makeRow({ pointer, schema, slider, read, write }) {
  const name = pointer.split('/').pop();
  const id = idOf(pointer);
  const about = { id, 'aria-describedby': `${id}-help ${id}-problem` };
  const control = isChoice(schema) ? makeChoice(schema, about) : makeText(schema, about);
  const track = slider && makeSlider(slider, spoken(name), (value) => { control.fill(value); take(); });
  const reset = el('button', {
    type: 'button', class: 'plain fit-reset', title: "Back to the preset's", 'aria-label': `${spoken(name)}: back to the preset's`,
    onclick: () => { control.fill(undefined); take(); control.input.focus(); },
  }, '↺');
  const problem = el('p', { class: 'fit-wrong', id: `${id}-problem`, role: 'alert', hidden: true });
  const element = el('div', { class: 'fit-setting', 'data-pointer': pointer },
    el('div', { class: 'fit-name' }, el('label', { for: id }, spoken(name)), reset),
    control.input, track,
    problem,
    meaning(name, schema, `${id}-help`));
  let standing; /* where the user gives nothing */

  function mark() {
    const value = read();
    element.classList.toggle('changed', value !== undefined);
    reset.hidden = value === undefined;
    track?.fill(value === undefined ? standing : value);
  }

  function take() {
    write(control.given());
    mark();
  }

  control.input.addEventListener('input', take);
  control.fill(read());
  return {
    pointer,
    schema,
    element,
    show(base, resolved) {
      standing = resolved === undefined ? base : resolved;
      control.hint(baseText(name, base, resolved));
      mark();
    },
    say(text) {
      problem.textContent = text ?? '';
      problem.hidden = !text;
      if (text) control.input.setAttribute('aria-invalid', 'true');
      else control.input.removeAttribute('aria-invalid');
    },
  };
}
