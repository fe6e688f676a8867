/* A signal: the data's samples, and the field's curve between them. */

import { fetchBytes, get, getArray } from '/assets/api.js';
import { el, problemPlace } from '/assets/dom.js';
import { makeChart } from '/assets/parts/chart.js';
import { valuePath } from '/assets/parts/copy_as.js';
import { makeProbe } from '/assets/parts/probe.js';

const POINTS = 2048; /* of the curve */
const TOLD = 33; /* of the request that is copied */
const MOST_SAMPLES = 8192; /* in view, drawn one by one */
const NARROWEST = 1e-6;

const rounded = (x) => Number(x.toPrecision(7));
const between = (low, high, n) => Array.from({ length: n }, (_, i) => low + ((high - low) * i) / (n - 1));

/* [N] or [N, C] → the samples of each channel as points, sample i of N at i / N. */
function pointsOf({ shape, data }) {
  const [n, channels = 1] = shape;
  return Array.from({ length: channels }, (_, c) => Array.from({ length: n }, (_, i) => [i / n, data[i * channels + c]]));
}

export async function openView(place, { field: first, dataset, page, tell }) {
  let field = first;
  const options = { signal: page.signal };
  const path = `/v1/fields/${field.id}/query`;
  const [low, high] = field.domain.bbox;
  const given = (key, otherwise) => {
    const v = Number(page.query.get(key) ?? NaN);
    return v >= low && v <= high ? v : otherwise;
  };
  let range = [given('from', low), given('to', high)];
  if (!(range[1] > range[0])) range = [low, high];

  const problem = problemPlace();
  const samples = dataset ? await getArray(`/v1/datasets/${dataset.id}/content`, options).then(pointsOf).catch((error) => {
    if (error.name !== 'AbortError') problem.say(new Error(`The samples cannot be shown: ${error.message}`));
    return [];
  }) : [];
  const probe = makeProbe({ page, tell, ask: async (point) => (await get(valuePath(field.id, point), options)).value });
  const look = (x) => probe.at([rounded(Math.min(Math.max(x, low), high))]);
  const chart = makeChart({ title: 'The signal over its domain: samples as dots, the field as a line', x: { label: 'x' }, y: { label: 'value' }, height: 380,
    last: false, onPoint: look, onRange: (from, to) => show(from, to) });

  /* --- what is seen --- */

  let wanted = 0; /* goes up with each question: older answers are dropped */

  async function ask(from, to) {
    const xs = between(from, to, POINTS);
    const response = await fetchBytes(path, { ...options, method: 'POST', body: Float32Array.from(xs), headers: { 'Content-Type': 'application/octet-stream', Accept: 'application/octet-stream' } });
    const values = new Float32Array(await response.arrayBuffer());
    const channels = values.length / xs.length;
    return Array.from({ length: channels }, (_, c) => xs.map((x, i) => [x, values[i * channels + c]]));
  }

  async function draw() {
    const mine = ++wanted;
    const curves = await ask(...range);
    if (mine !== wanted || page.signal.aborted) return;
    const named = (what, c) => (curves.length > 1 ? `${what}, channel ${c}` : what);
    const inView = samples.map((points) => points.filter(([x]) => x >= range[0] && x <= range[1]));
    chart.draw([
      ...inView.filter((points) => points.length <= MOST_SAMPLES).map((points, c) => ({ name: named('samples', c), points, dots: true, colour: 2 + 2 * (c % 3) })),
      ...curves.map((points, c) => ({ name: named('field', c), points, colour: 1 + 2 * (c % 3) })),
    ]);
  }

  function show(from, to) {
    const width = Math.min(Math.max(to - from, NARROWEST), high - low);
    const start = Math.min(Math.max(from, low), high - width);
    range = [rounded(start), rounded(start + width)];
    [fromInput.value, toInput.value] = range;
    page.remember({ from: range[0] === low ? null : range[0], to: range[1] === high ? null : range[1] });
    tell({ request: requestOf(TOLD) });
    problem.say(null);
    return draw().catch((error) => error.name !== 'AbortError' && problem.say(error));
  }

  const requestOf = (n) => ({ method: 'POST', path, body: { coords: between(...range, n).map((x) => [rounded(x)]) } });

  /* --- controls --- */

  const scaled = (factor) => {
    const middle = (range[0] + range[1]) / 2;
    const half = ((range[1] - range[0]) / 2) * factor;
    return show(middle - half, middle + half);
  };
  const moved = (share) => {
    const by = (range[1] - range[0]) * share;
    return show(range[0] + by, range[1] + by);
  };
  const limit = (name) => el('input', { type: 'number', step: 'any', min: low, max: high, 'aria-label': name, onchange: () => {
    const [from, to] = [Number(fromInput.value), Number(toInput.value)];
    if (to > from) show(from, to);
    else problem.say(new Error('The range must end after its beginning.'));
  } });
  const fromInput = limit('From');
  const toInput = limit('To');
  const button = (text, name, act) => el('button', { type: 'button', 'aria-label': name, title: name, onclick: act }, text);
  const KEYS = { ArrowLeft: () => moved(-0.1), ArrowRight: () => moved(0.1), '+': () => scaled(0.5), '=': () => scaled(0.5), '-': () => scaled(2), 0: () => show(low, high) };
  const frame = el('div', { class: 'signal', tabIndex: 0, role: 'application', 'aria-label': 'The signal. Left and right move, plus and minus zoom, 0 shows the whole.', onkeydown: (e) => {
    if (!KEYS[e.key] || e.altKey || e.ctrlKey || e.metaKey) return;
    e.preventDefault();
    KEYS[e.key]();
    look((range[0] + range[1]) / 2);
  } }, chart.element);

  place.append(
    el('div', { class: 'actions viewer-bar' },
      el('span', { class: 'actions' }, 'From', fromInput, 'to', toInput),
      el('span', { class: 'actions zoom' }, button('−', 'Zoom out', () => scaled(2)), button('+', 'Zoom in', () => scaled(0.5)), button('Whole', 'Whole signal', () => show(low, high)))),
    problem, frame, el('p', { class: 'hint' }, 'Drag over a part of the plot to enlarge it.'));
  await show(...range);

  return {
    state: () => ({
      request: requestOf(TOLD),
      downloads: [
        { text: 'Curve, NPY', file: 'curve.npy', request: { ...requestOf(POINTS), accept: 'application/x-npy' } },
        { text: 'Curve, JSON', file: 'curve.json', request: requestOf(POINTS) },
      ],
    }),
    update(newer) {
      field = newer;
      return draw();
    },
    close: () => chart.close(),
  };
}
