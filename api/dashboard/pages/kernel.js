/* The kernel explorer: what a mapping does to the neural tangent kernel, its spectrum, and the course of training that
 * they predict, redrawn while the sliders move.
 *
 * Address: #/kernel?mapping=gaussian&sigma=10&m=256&depth=3&p=1&scale=6&alpha=1&seed=0&time=10&keep=JSON
 * keep: settings that stay as dashed curves beside those of the sliders. */

import { post } from '/assets/api.js';
import { el, problemPlace } from '/assets/dom.js';
import { number } from '/assets/words.js';
import { makeChart } from '/assets/parts/chart.js';
import { noise } from '/assets/parts/noise.js';
import { paintKernel } from '/assets/parts/kernel_map.js';
import { curlOfPost, makeTerminal } from '/assets/parts/terminal.js';

const N_KERNEL = 256; /* offsets of the kernel's grid */
const N_MAP = 48; /* of the kernel in two dimensions, along a side */
const N_TRAIN = 32; /* every eighth of the signal's samples trains, as in the paper's figure 3 */
const N_SIGNAL = 256;
const TIMES = Array.from({ length: 33 }, (_, i) => 10 ** (-2 + i / 4)); /* learning rate x steps */
const KEPT_MAX = 4;

/* Every slider: its name in the address, the mappings it belongs to, and how its place becomes its value. */
const SLIDERS = {
  sigma: { label: 'σ, bandwidth', hint: 'Standard deviation of the frequencies, cycles per domain side', of: ['gaussian'], low: -1, high: 2, step: 0.02, log: true, start: 10 },
  scale: { label: 'Scale', hint: 'Logarithm of the highest frequency: 2^scale − 1 cycles', of: ['positional'], low: 0, high: 10, step: 0.1, start: 6 },
  octaves: { label: 'Octaves', hint: 'Frequencies 1, 2, 4, …', of: ['octave'], low: 1, high: 10, step: 1, start: 6 },
  p: { label: 'p, fall of the amplitudes', hint: 'Frequencies 1 … m with amplitudes b^−p', of: ['power'], low: 0, high: 3, step: 0.05, start: 1 },
  m: { label: 'm, number of frequencies', hint: 'Each gives a sine and a cosine', of: ['gaussian', 'positional', 'power'], low: 1, high: 9, step: 0.1, base2: true, start: 64 },
  depth: { label: 'Hidden layers', hint: 'ReLU, infinitely wide', low: 0, high: 8, step: 1, start: 3 },
  alpha: { label: 'α, fall of the signal’s spectrum', hint: '1/f^α noise: large is smooth', low: 0, high: 3, step: 0.1, start: 1, signal: true },
  time: { label: 'Time of training, η t', hint: 'Learning rate × steps', low: -2, high: 6, step: 0.25, log: true, start: 10 ** 2.5, signal: true },
};

const MAPPINGS = {
  none: 'none: the coordinate itself',
  basic: 'basic: one frequency',
  positional: 'positional: frequencies spaced logarithmically',
  octave: 'octave: powers of two',
  gaussian: 'gaussian: random frequencies',
  power: 'power law: frequencies 1 … m, amplitudes b^−p',
};

const valueOf = (s, place) => (s.log ? 10 ** place : s.base2 ? Math.round(2 ** place) : place);
const placeOf = (s, value) => (s.log ? Math.log10(value) : s.base2 ? Math.log2(value) : value);
const clamp = (v, low, high) => Math.min(high, Math.max(low, v));

/* --- settings --- */

function readSettings(query) {
  const mapping = Object.hasOwn(MAPPINGS, query.get('mapping')) ? query.get('mapping') : 'gaussian';
  const settings = { mapping, seed: Math.max(0, Math.trunc(Number(query.get('seed')) || 0)) };
  for (const [name, s] of Object.entries(SLIDERS)) {
    const given = query.has(name) ? Number(query.get(name)) : NaN;
    const place = Number.isFinite(given) ? clamp(placeOf(s, given), s.low, s.high) : placeOf(s, s.start);
    settings[name] = valueOf(s, Number.isFinite(place) ? place : s.low);
  }
  return settings;
}

function encodingOf({ mapping, sigma, scale, octaves, p, m }) {
  const normalize = true;
  if (mapping === 'gaussian') return { type: 'gaussian', n_frequencies: m, sigma, normalize };
  if (mapping === 'positional') return { type: 'positional', n_frequencies: Math.max(2, m), scale, normalize };
  if (mapping === 'octave') return { type: 'octave', n_octaves: octaves, normalize };
  if (mapping === 'power') {
    const b = Array.from({ length: m }, (_, i) => [i + 1]);
    return { type: 'explicit', b, a: b.map(([f]) => f ** -p), normalize };
  }
  if (mapping === 'none') return { type: 'none', input_range: [-0.5, 0.5] };
  return { type: mapping };
}

/* The kernel of two dimensions; where the mapping is one of whole frequencies, those of each axis. */
function encodingOf2d(settings) {
  const encoding = encodingOf(settings);
  if (encoding.type !== 'explicit') return encoding;
  return { ...encoding, b: encoding.b.flatMap(([f]) => [[f, 0], [0, f]]), a: encoding.a.flatMap((a) => [a, a]) };
}

const networkOf = ({ depth }) => ({ n_hidden_layers: depth, parametrization: 'ntk' });

function nameOf(settings) {
  const own = Object.entries(SLIDERS).filter(([, s]) => s.of?.includes(settings.mapping));
  const parts = own.map(([name]) => `${{ sigma: 'σ', octaves: 'octaves', scale: 'scale', p: 'p', m: 'm' }[name]} ${number(settings[name], 3)}`);
  return [settings.mapping, ...parts, `${settings.depth} layers`].join(', ');
}

/* --- what is drawn --- */

/* What is asked of /v1/ntk: the kernel of places o/n with the one in the middle, so offsets -1/2 … 1/2. */
const question = (settings) => ({ encoding: encodingOf(settings), network: networkOf(settings), n: N_KERNEL, at: [0.5] });

/* The kernel as a part of its largest value. */
function kernelLine({ kernel, n }) {
  const most = Math.max(...kernel);
  return kernel.map((v, o) => [o / n - 0.5, v / most]);
}

/* Eigenvalues by frequency 0 … n/2 (of a kernel that is not stationary by their rank), the largest being 1.  What is
 * nothing but rounding is left out: a logarithm would make it loud. */
function spectrumLine(answer) {
  const { spectrum, n } = answer;
  const shown = spectrum.slice(0, n / 2 + 1);
  const most = Math.max(...shown);
  return shown.map((v, k) => [k, v / most]).filter(([, v]) => v > 1e-7);
}

function errors(prediction, signal) {
  const mean = (numbers) => numbers.reduce((a, b) => a + b, 0) / numbers.length;
  const step = signal.length / N_TRAIN;
  const train = mean(prediction.train.map(([v], i) => (v - signal[i * step]) ** 2));
  const test = mean(prediction.test.map(([v], i) => (v - signal[i]) ** 2).filter((_, i) => i % step !== 0));
  return { train, test };
}

export async function open(page) {
  page.title('Kernel');
  const settings = readSettings(page.query);
  const kept = readKept(page.query);
  const problem = problemPlace();

  const charts = {
    kernel: makeChart({ title: 'Kernel over the offset, largest = 1', x: { range: [-0.5, 0.5] }, last: false }),
    spectrum: makeChart({ title: 'Spectrum: eigenvalue of each frequency, largest = 1', y: { log: true }, last: false }),
    fit: makeChart({ title: 'Predicted fit of a signal seen at 32 places', height: 230, last: false }),
    errors: makeChart({ title: 'Predicted squared error over training', x: { log: true }, y: { log: true }, height: 230 }),
  };
  for (const chart of Object.values(charts)) page.onLeave(() => chart.close());
  const map = el('canvas', { width: N_MAP, height: N_MAP, role: 'img', 'aria-label': 'Kernel in two dimensions' });
  const story = el('p', { class: 'hint', 'aria-live': 'polite' });

  /* --- the sliders --- */

  const rows = {};
  function sliderRow(name, s) {
    const output = el('output', { class: 'mono' });
    const input = el('input', {
      type: 'range', id: `kernel-${name}`, min: s.low, max: s.high, step: s.step, value: placeOf(s, settings[name]),
      oninput: () => {
        settings[name] = valueOf(s, Number(input.value));
        tell();
        if (name === 'time') drawFit();
        else changed();
      },
    });
    const tell = () => {
      output.textContent = number(settings[name], 3);
      input.setAttribute('aria-valuetext', number(settings[name], 3));
    };
    tell();
    rows[name] = el('div', { class: 'knob' }, el('label', { for: input.id }, s.label), output, input, el('p', { class: 'hint' }, s.hint));
    return rows[name];
  }

  const mapping = el('select', {
    id: 'kernel-mapping',
    onchange: () => {
      settings.mapping = mapping.value;
      showKnobs();
      changed();
    },
  }, Object.entries(MAPPINGS).map(([value, text]) => el('option', { value, selected: value === settings.mapping }, text)));

  function showKnobs() {
    for (const [name, s] of Object.entries(SLIDERS)) rows[name].hidden = Boolean(s.of) && !s.of.includes(settings.mapping);
  }

  /* --- what stays for comparison --- */

  const keptList = el('ul', { class: 'kept' });
  const keep = el('button', {
    type: 'button',
    onclick: () => {
      const { alpha, seed, time, ...own } = settings;
      kept.push({ settings: own, answer: answered === JSON.stringify(question(settings)) ? answer : null });
      if (!kept.at(-1).answer) askKept(kept.at(-1));
      kept.splice(0, Math.max(0, kept.length - KEPT_MAX));
      listKept();
      draw();
      remember();
    },
  }, 'Keep these curves');

  async function askKept(k) {
    k.answer = await post('/v1/ntk', question(k.settings), { signal: page.signal }).catch(() => null);
    draw();
  }

  function listKept() {
    keptList.replaceChildren(...kept.map((k) => el('li', {}, nameOf(k.settings), ' ', el('button', {
      type: 'button', class: 'plain', 'aria-label': `Drop ${nameOf(k.settings)}`,
      onclick: () => {
        kept.splice(kept.indexOf(k), 1);
        listKept();
        draw();
        remember();
      },
    }, '×'))));
  }

  const signalOf = () => noise(N_SIGNAL, { alpha: settings.alpha, band: N_TRAIN / 2, seed: settings.seed });
  const another = el('button', { type: 'button', onclick: () => {
    settings.seed++;
    changed();
  } }, 'Another signal');

  page.place.append(
    el('div', { class: 'head' }, el('div', {}, el('h1', {}, 'Kernel explorer'),
      el('p', { class: 'sub' }, 'A wide network learns each eigenvector of its tangent kernel at its eigenvalue’s pace. The mapping shapes the kernel.'))),
    problem,
    el('div', { class: 'explorer' },
      el('form', { class: 'card knobs', 'aria-label': 'Kernel settings', onsubmit: (e) => e.preventDefault() },
        el('div', { class: 'knob' }, el('label', { for: mapping.id }, 'Mapping'), mapping),
        Object.entries(SLIDERS).filter(([, s]) => !s.signal).map(([name, s]) => sliderRow(name, s)),
        el('div', { class: 'actions' }, keep), keptList,
        el('h2', {}, 'The signal to learn'),
        Object.entries(SLIDERS).filter(([, s]) => s.signal).map(([name, s]) => sliderRow(name, s)),
        el('div', { class: 'actions' }, another)),
      el('div', { class: 'plots' },
        charts.kernel.element, charts.spectrum.element,
        charts.fit.element, charts.errors.element,
        el('figure', { class: 'kernel-map' }, el('figcaption', {}, 'Kernel in two dimensions'), map,
          el('p', { class: 'hint' }, 'Offset 0 in the middle. Round: all directions alike; a cross: the axes are preferred.')),
        el('div', { class: 'card' }, el('h2', { class: 'first' }, 'What it means'), story, copyPlace()))));

  function copyPlace() {
    const terminal = makeTerminal();
    page.place.addEventListener('kernel-drawn', () => terminal.show(curlOfPost('/v1/ntk', question(settings))));
    return el('details', {}, el('summary', {}, 'The same from a terminal'), terminal.element);
  }

  /* --- asking and drawing --- */

  let answer = null; /* of /v1/ntk … */
  let answered = null; /* … to this question */
  let course = null; /* of /v1/ntk/regression, with the signal it was asked about */

  function draw() {
    if (!answer) return;
    const lines = (of) => [
      { name: nameOf(settings), points: of(answer), colour: 1 },
      ...kept.filter((k) => k.answer).map((k, i) => ({ name: nameOf(k.settings), points: of(k.answer), dashed: true, colour: i + 2 })),
    ];
    charts.kernel.draw(lines(kernelLine));
    charts.spectrum.draw(lines(spectrumLine));
    story.textContent = tellStory();
  }

  function drawFit() {
    remember();
    if (!course) return;
    const index = TIMES.reduce((best, t, i) => (Math.abs(Math.log(t / settings.time)) < Math.abs(Math.log(TIMES[best] / settings.time)) ? i : best), 0);
    const at = course.predictions[index];
    const { signal } = course;
    const grid = (values) => values.map((v, i) => [i / values.length, v]);
    charts.fit.draw([
      { name: 'the signal', points: grid(signal), colour: 6, dashed: true },
      { name: 'where it is seen', points: grid(signal).filter((_, i) => i % (N_SIGNAL / N_TRAIN) === 0), colour: 2, dots: true },
      { name: `after η t = ${number(at.time, 2)}`, points: grid(at.test.map(([v]) => v)), colour: 1 },
    ]);
    const pairs = course.predictions.map((p) => [p.time, errors(p, signal)]);
    charts.errors.draw([
      { name: 'at the 32 places', points: pairs.map(([t, e]) => [t, Math.max(e.train, 1e-6)]), colour: 1 },
      { name: 'between them', points: pairs.map(([t, e]) => [t, e.test]), colour: 2 },
    ]);
  }

  function tellStory() {
    const points = spectrumLine(answer);
    const half = points.find(([k, v]) => k > 0 && v < points[1]?.[1] / 10);
    const heights = kernelLine(answer).map(([, v]) => v);
    const middle = (1 + Math.min(...heights)) / 2;
    const width = heights.filter((v) => v > middle).length / N_KERNEL;
    if (!answer.is_stationary) {
      return 'Without a mapping the kernel depends on the places themselves, not on their distance, and its eigenvalues fall fast: high frequencies are hardly ever learned.';
    }
    const slow = half ? `Frequency ${half[0]} is learned ten times as slowly as frequency 1.` : 'All frequencies that are shown are learned at nearly one pace.';
    return `The kernel’s peak is ${number(100 * width, 2)} % of the domain wide at half its height. ${slow} A wide peak blurs what lies between samples (underfitting), one narrower than their spacing leaves noise there (overfitting).`;
  }

  /* One question at a time, the newest settings next: while a slider moves every answer is drawn. */
  let isAsking = false;
  let isStale = false;
  let resting = null; /* ends what waits for the sliders to rest */
  async function ask() {
    isStale = true;
    if (isAsking) return;
    isAsking = true;
    resting?.abort();
    try {
      while (isStale) {
        isStale = false;
        await askCurves();
      }
      problem.say(null);
      resting = new AbortController();
      askMap(AbortSignal.any([resting.signal, page.signal])).catch(told);
    } catch (error) {
      told(error);
    } finally {
      isAsking = false;
    }
  }

  const told = (error) => error.name !== 'AbortError' && problem.say(error);

  async function askCurves() {
    const signal = signalOf();
    const step = N_SIGNAL / N_TRAIN;
    const x = Array.from({ length: N_TRAIN }, (_, i) => i / N_TRAIN);
    const asked = question(settings);
    const kernel = post('/v1/ntk', asked, { signal: page.signal }).then((a) => {
      answer = a;
      answered = JSON.stringify(asked);
      draw();
      page.place.dispatchEvent(new CustomEvent('kernel-drawn'));
    });
    const regression = post('/v1/ntk/regression', {
      encoding: encodingOf(settings),
      network: networkOf(settings),
      train: { x, y: x.map((_, i) => signal[i * step]) },
      test: { x: Array.from({ length: N_SIGNAL }, (_, i) => i / N_SIGNAL) },
      times: TIMES,
    }, { signal: page.signal }).then((a) => {
      course = { ...a, signal };
      drawFit();
    });
    await Promise.all([kernel, regression]);
  }

  /* The map follows when the sliders rest: it is the largest question, and the last that is looked at. */
  async function askMap(signal) {
    await new Promise((resume) => setTimeout(resume, 150));
    signal.throwIfAborted();
    const a = await post('/v1/ntk', { encoding: encodingOf2d(settings), network: networkOf(settings), n: N_MAP, dims: 2, at: [0.5, 0.5] }, { signal });
    paintKernel(map, a.kernel);
  }

  function remember() {
    const { mapping: type, ...numbers } = settings;
    const own = Object.fromEntries(Object.entries(numbers).map(([name, v]) => {
      const s = SLIDERS[name];
      const belongs = !s?.of || s.of.includes(type);
      return [name, belongs && v !== (s ? s.start : 0) ? Number(v.toPrecision(4)) : null];
    }));
    page.remember({ mapping: type, ...own, keep: kept.length ? JSON.stringify(kept.map((k) => k.settings)) : null });
  }

  function changed() {
    remember();
    ask();
  }

  showKnobs();
  listKept();
  await ask();
  for (const k of kept.filter((one) => !one.answer)) await askKept(k);
}

/* Settings that the address keeps; what is not understood is left out. */
function readKept(query) {
  let given = [];
  try {
    given = JSON.parse(query.get('keep') ?? '[]');
  } catch {
    return [];
  }
  if (!Array.isArray(given)) return [];
  return given.slice(0, KEPT_MAX).filter((k) => k && typeof k === 'object').map((k) => {
    const { alpha, seed, time, ...own } = readSettings(new URLSearchParams(Object.entries(k).map(([a, b]) => [a, String(b)])));
    return { settings: own, answer: null };
  });
}
