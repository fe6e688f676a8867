/* Numbers of a slice as levels of grey or colour, between a black and a white that can be moved.
 *
 *   const window = makeWindow({ channels, range, low, high, channel, arrays, change })
 *     range      [least, most] of the file's own numbers, or null: the values themselves are shown then
 *     arrays()   what is seen now: [{ shape, data }]
 *     change()   it shows otherwise now
 *   window.element, window.paint({ shape, data }) → ImageData, window.state() → { low, high, channel } */

import { el } from '/assets/dom.js';
import { number } from '/assets/words.js';

const STEPS = 500;

const clamp = (v) => Math.min(Math.max(v, 0), 1);

/* 'all' where three channels can be a colour. */
function channelChoices(n) {
  const single = Array.from({ length: n }, (_, c) => [String(c + 1), `Channel ${c + 1}`]);
  return n >= 3 ? [['all', n === 3 ? 'Channels as RGB' : 'Channels 1–3 as RGB'], ...single] : single;
}

/* All but the outermost hundredth at either end, on the sliders' steps. */
function rangeOf(arrays, channel) {
  const values = arrays.flatMap(({ shape, data }) => {
    const n = shape[2] ?? 1;
    return Array.from(channel === 'all' || n === 1 ? data : data.filter((_, i) => i % n === channel - 1));
  }).sort((a, b) => a - b);
  if (!values.length) return [0, 1];
  const [low, high] = [0.01, 0.99].map((part) => Math.round(clamp(values[Math.floor(part * (values.length - 1))]) * STEPS));
  return low < high ? [low / STEPS, high / STEPS] : [0, 1];
}

export function paint({ shape, data }, { low, high, channel }) {
  const [height, width, n = 1] = shape;
  const pixels = new ImageData(width, height);
  const gain = 255 / (high - low);
  const of = channel === 'all' ? [0, 1, 2] : [channel - 1, channel - 1, channel - 1];
  for (let i = 0; i < width * height; i++) {
    for (let c = 0; c < 3; c++) pixels.data[4 * i + c] = Math.round((data[i * n + of[c]] - low) * gain);
    pixels.data[4 * i + 3] = 255;
  }
  return pixels;
}

export function makeWindow({ channels, range, low, high, channel, arrays, change }) {
  const choices = channelChoices(channels);
  const state = { low: 0, high: 1, channel: choices.some(([value]) => value === channel) ? channel : choices[0][0] };
  if (low < high) Object.assign(state, { low: clamp(low), high: clamp(high) });
  const words = (v) => number(range ? range[0] + v * (range[1] - range[0]) : v, 5);

  function slider(key, text, other, allowed) {
    const out = el('span', { class: 'mono', 'aria-hidden': 'true' });
    const input = el('input', { type: 'range', min: 0, max: STEPS, step: 1, oninput: () => {
      const wanted = input.value / STEPS;
      state[key] = allowed(wanted, state[other]);
      show();
      change();
    } });
    const show = () => {
      input.value = Math.round(state[key] * STEPS);
      out.textContent = words(state[key]);
      input.setAttribute('aria-valuetext', out.textContent);
    };
    show();
    return { element: el('label', { class: 'slider' }, el('span', {}, text, ' ', out), input), show };
  }
  const black = slider('low', 'Black at', 'high', (v, high) => Math.min(v, high - 1 / STEPS));
  const white = slider('high', 'White at', 'low', (v, low) => Math.max(v, low + 1 / STEPS));
  function set([low, high]) {
    Object.assign(state, { low, high });
    black.show();
    white.show();
    change();
  }
  const whole = el('button', { type: 'button', onclick: () => set([0, 1]) }, 'Whole range');
  const fitting = el('button', { type: 'button', onclick: () => set(rangeOf(arrays(), state.channel)) }, 'Range of what is seen');
  const select = el('select', { onchange: () => {
    state.channel = select.value;
    change();
  } }, choices.map(([value, text]) => el('option', { value }, text)));
  select.value = state.channel;

  return {
    element: el('div', { class: 'window' }, black.element, white.element,
      el('div', { class: 'actions' }, whole, fitting, channels > 1 ? el('label', {}, el('span', { class: 'visually-hidden' }, 'Channel'), select) : null)),
    paint: (array) => paint(array, state),
    state: () => ({ ...state }),
  };
}
