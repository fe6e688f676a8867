/* |field − data|, pixel by pixel.  Alpha is a channel like others, and colours count as much as they are seen. */

import { el } from '/assets/dom.js';
import { number } from '/assets/words.js';

export const GAINS = [1, 4, 16];

/* From black through red to pale yellow: equal steps look equal, on light pages and on dark ones. */
const STOPS = [[0, 0, 4], [66, 10, 104], [147, 38, 103], [221, 81, 58], [252, 165, 10], [252, 255, 164]];
const RAMP = Array.from({ length: 256 }, (_, i) => {
  const t = (i / 255) * (STOPS.length - 1);
  const k = Math.min(Math.floor(t), STOPS.length - 2);
  return STOPS[k].map((from, c) => Math.round(from + (t - k) * (STOPS[k + 1][c] - from)));
});

const clipped = (v) => Math.min(1, Math.max(0, v));

/* A pixel's error: the mean over its channels.  a, b: arrays [H, W, C]. */
export function errorsOf(a, b) {
  const n = a.shape[2] ?? 1;
  const colours = n % 2 ? n : n - 1; /* the last of two or four is alpha */
  const errors = new Float32Array(a.shape[0] * a.shape[1]);
  for (let i = 0; i < errors.length; i++) {
    const seen = [a, b].map(({ data }) => (colours === n ? 1 : clipped(data[i * n + colours])));
    let sum = colours === n ? 0 : Math.abs(seen[0] - seen[1]);
    for (let c = 0; c < colours; c++) sum += Math.abs(seen[0] * clipped(a.data[i * n + c]) - seen[1] * clipped(b.data[i * n + c]));
    errors[i] = sum / n;
  }
  return errors;
}

function paint(canvas, [height, width], value) {
  canvas.width = width;
  canvas.height = height;
  const g = canvas.getContext('2d');
  const image = g.createImageData(width, height);
  for (let i = 0; i < width * height; i++) {
    const [red, green, blue] = RAMP[Math.round(255 * clipped(value(i)))];
    image.data.set([red, green, blue, 255], 4 * i);
  }
  g.putImageData(image, 0, 0);
}

/* title: what stands above it; gain: one of GAINS; onGain(gain) when another is chosen; size: { width, height }.
 * map.show(field, data): arrays [H, W, C] of one size. */
export function makeErrorMap({ title, gain, onGain, size: { width, height } }) {
  const canvas = el('canvas', { class: 'still', role: 'img', 'aria-label': 'Error map: nothing yet', width, height });
  const scale = el('canvas', { class: 'ramp', 'aria-hidden': 'true' });
  const most = el('span');
  const words = el('p', { class: 'hint' });
  let errors = null;
  let shape = null;

  function draw() {
    most.textContent = number(1 / gain, 3);
    for (const button of buttons) button.setAttribute('aria-pressed', String(button.value === String(gain)));
    if (!errors) return;
    paint(canvas, shape, (i) => gain * errors[i]);
    const mean = errors.reduce((sum, e) => sum + e, 0) / errors.length;
    words.textContent = `Mean ${number(mean, 3)}, largest ${number(errors.reduce((m, e) => Math.max(m, e), 0), 3)}.`;
    canvas.setAttribute('aria-label', `Error map. ${words.textContent}`);
  }

  const buttons = GAINS.map((g) => el('button', { type: 'button', value: String(g), onclick: () => {
    gain = g;
    onGain(g);
    draw();
  } }, `×${g}`));
  paint(scale, [1, 256], (i) => i / 255);
  draw();
  return {
    element: el('figure', { class: 'look error-map' }, el('figcaption', {}, title), canvas,
      el('div', { class: 'scale' }, el('span', {}, '0'), scale, most, el('span', { class: 'joined gains', role: 'group', 'aria-label': 'Error magnified' }, buttons)),
      words),
    show(field, data) {
      errors = errorsOf(field, data);
      shape = data.shape;
      draw();
    },
  };
}
