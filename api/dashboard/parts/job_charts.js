/* Curves of a fit: its quality beside what was forecast and what interpolation reaches, and its loss. */

import { el } from '/assets/dom.js';
import { makeChart } from '/assets/parts/chart.js';
import { makeSpectrum } from '/assets/parts/spectrum.js';

const QUALITIES = { psnr: 'PSNR', test_psnr: 'test PSNR', iou_uniform: 'IoU', iou_boundary: 'IoU at the surface' };

/* Seconds of a forecast as the axis has them. */
function forecastLine(name, { series, seconds_per_step }, axis, colour) {
  const points = series?.test_psnr ?? series?.psnr ?? [];
  const x = (seconds) => (axis === 'steps' ? seconds / seconds_per_step : seconds);
  return { name, points: points.map(([seconds, value]) => [x(seconds), value]), dashed: true, colour };
}

function forecastLines(forecast, axis) {
  if (!forecast?.series) return [];
  const first = forecastLine('forecast', forecast, axis, 5);
  return forecast.revised ? [forecastLine('forecast, revised', forecast.revised, axis, 3)] : [first];
}

const LOOK_AHEAD = 3; /* times what has been measured: a forecast of hours would press minutes into the chart's edge */

/* A line's part up to x, its last piece cut there. */
function upTo(line, most) {
  const n = line.points.findIndex(([x]) => x > most);
  if (n <= 0) return n < 0 ? line : { ...line, points: line.points.slice(0, 1) };
  const [[x0, y0], [x1, y1]] = line.points.slice(n - 1, n + 1);
  return { ...line, points: [...line.points.slice(0, n), [most, y0 + ((y1 - y0) * (most - x0)) / (x1 - x0)]] };
}

function baselineLine(job, lines) {
  const xs = lines.flatMap((l) => (l.points.length ? [l.points[0][0], l.points.at(-1)[0]] : []));
  const value = job.metrics?.baseline_psnr;
  if (value === undefined || value === null || !xs.length) return [];
  const name = job.task === 'ct' || job.task === 'mri' ? 'classic inverse' : 'interpolation';
  return [{ name, points: [[Math.min(...xs), value], [Math.max(...xs), value]], dashed: true, colour: 6 }];
}

/* A group of buttons of which one is pressed. */
function choice(label, options, chosen, choose) {
  return el('span', { class: 'joined', role: 'group', 'aria-label': label }, options.map(([value, text]) =>
    el('button', { type: 'button', 'aria-pressed': String(value === chosen), onclick: () => choose(value) }, text)));
}

/* view: { axis: 'seconds' | 'steps', scale: 'linear' | 'log' }, as the address has it; onView(view) when it is changed. */
export function makeJobCharts({ task, view, onView }) {
  const element = el('section', { class: 'curves', 'aria-label': 'Curves' });
  let charts = null;
  let last = null; /* what was drawn: [job, series] */

  function make() {
    const x = { label: view.axis, log: view.scale === 'log', unit: view.axis === 'seconds' ? 's' : '' };
    charts = {
      quality: makeChart(task === 'shape' ? { title: 'Intersection over union', x, y: {} } : { title: 'PSNR', x, y: { unit: 'dB' } }),
      loss: makeChart({ title: 'Loss (logarithmic)', x, y: { log: true } }),
      spectrum: makeSpectrum({ axis: view.axis, unit: { volume: 'voxel', signal: 'sample' }[task] ?? 'pixel' }),
    };
    const choose = (label, change) => {
      view = { ...view, ...change };
      onView(view);
      close();
      make();
      if (last) draw(...last);
      element.querySelector(`[aria-label="${label}"] [aria-pressed="true"]`).focus({ preventScroll: true });
    };
    const group = (label, key, options) => choice(label, options, view[key], (value) => choose(label, { [key]: value }));
    element.replaceChildren(
      el('div', { class: 'curve-axes' }, el('h2', {}, 'Curves'),
        group('Horizontal axis', 'axis', [['seconds', 'Seconds'], ['steps', 'Steps']]),
        group('Its scale', 'scale', [['linear', 'Linear'], ['log', 'Logarithmic']])),
      el('div', { class: 'charts' }, charts.quality.element, charts.loss.element), charts.spectrum.element);
  }

  function draw(job, series) {
    last = [job, series];
    const measured = Object.entries(QUALITIES).filter(([key]) => series.has(key))
      .map(([key, name], i) => ({ name, points: series.line(key, view.axis), colour: i + 1 }));
    const latest = Math.max(0, ...['loss', 'psnr'].map((key) => series.line(key, view.axis).at(-1)?.[0] ?? 0));
    const most = view.scale === 'log' || latest === 0 ? Infinity : LOOK_AHEAD * latest;
    const all = [...measured, ...forecastLines(job.forecast, view.axis).map((line) => upTo(line, most))];
    charts.quality.draw([...all, ...baselineLine(job, all)]);
    charts.loss.draw([{ name: 'loss', points: series.line('loss', view.axis), colour: 2 }]);
    charts.spectrum.draw(series);
  }

  function close() {
    Object.values(charts).forEach((c) => c.close());
  }

  make();
  return { element, draw, close };
}
