/* The main metric of a sweep over one of its axes: curves where the axis is of numbers, bars where it is not. */

import { el } from '/assets/dom.js';
import { makeChart } from '/assets/parts/chart.js';
import { settingName } from '/assets/parts/setting.js';
import { cellName, isLessBetter, metricName, metricText, unitOf } from '/assets/parts/sweep_table.js';

const SEED = '/train/seed';
export const isNumeric = ({ values }) => values.length > 1 && values.every((v) => typeof v === 'number');

/* Axes that curves can be drawn over. */
export const numericAxes = (sweep) => sweep.axes.filter((a) => a.pointer !== SEED && isNumeric(a));

/* Logarithmic where the values span more than a decade, or go up by a factor. */
export function isLogarithmic({ values }) {
  const v = [...values].sort((a, b) => a - b);
  if (v[0] <= 0) return false;
  const [r, s] = [v[1] / v[0], v[v.length - 1] / v[v.length - 2]];
  return v[v.length - 1] / v[0] > 10 || (v.length > 2 && Math.abs(r - s) < 0.1 * r && r > 1.3);
}

/* What the metric of a sweep is: the one that best goes by, or would. */
export const mainMetric = (sweep) => sweep.metric ?? ['test_mse', 'test_psnr', 'mse', 'psnr', 'iou_boundary'].find((key) => sweep.cells.some((c) => c.metrics[key])) ?? null;

/* Cells that differ in `pointer` alone: [{ name, cells }]. */
export function groups(sweep, pointer) {
  const found = new Map();
  for (const cell of sweep.cells) {
    const others = Object.entries(cell.setting).filter(([p]) => p !== pointer);
    const key = JSON.stringify(others);
    if (!found.has(key)) found.set(key, { name: others.length ? cellName({ setting: Object.fromEntries(others) }) : '', cells: [] });
    found.get(key).cells.push(cell);
  }
  return [...found.values()];
}

/* Both sides of what was held out: the training samples' curve goes on rising where the test's falls. */
function keysFor(metric) {
  if (metric === 'test_psnr') return [['test_psnr', 'test', false], ['psnr', 'training', true]];
  if (metric === 'test_mse') return [['test_mse', 'test', false], ['mse', 'training', true]];
  return [[metric, metricName(metric), false]];
}

function linesOf(sweep, pointer, metric) {
  const all = groups(sweep, pointer);
  return all.slice(0, 12).flatMap(({ name, cells }, i) => keysFor(metric).map(([key, side, dashed], k) => ({
    name: [name, all.length > 1 && side === metricName(metric) ? '' : side].filter(Boolean).join(', '),
    dashed,
    marks: true,
    colour: all.length > 1 ? (i % 6) + 1 : k + 1,
    points: cells.filter((c) => c.metrics[key]).map((c) => [c.setting[pointer], c.metrics[key].mean]).sort((a, b) => a[0] - b[0]),
  }))).filter((line) => line.points.length);
}

function bars(sweep, metric) {
  const values = sweep.cells.map((c) => c.metrics[metric]?.mean).filter((v) => v !== undefined);
  const top = Math.max(...values, 0);
  return el('figure', {}, el('figcaption', {}, `${metricName(metric)}${unitOf(metric) ? `, ${unitOf(metric)}` : ''}${isLessBetter(metric) ? ' (less is better)' : ''}`),
    el('ul', { class: 'sweep-bars' }, sweep.cells.map((cell, i) => {
      const value = cell.metrics[metric]?.mean;
      const bar = el('span', { class: `sweep-bar${i === sweep.best ? ' best' : ''}` });
      bar.style.width = value === undefined || top <= 0 ? '0' : `${(100 * Math.max(value, 0)) / top}%`;
      return el('li', {}, el('span', { class: 'sweep-bar-name' }, cellName(cell)), el('span', { class: 'sweep-bar-way' }, bar), el('span', {}, metricText(cell, metric)));
    })));
}

/* The axis of a chart: a tick at each value (or at some), a little room at both ends. */
function scaleOf(axis) {
  const v = [...axis.values].sort((a, b) => a - b);
  const log = isLogarithmic(axis);
  const [low, high] = [v[0], v[v.length - 1]];
  const room = log ? (high / low) ** 0.03 : 0.03 * (high - low);
  const every = Math.ceil(v.length / 9);
  return { log, range: log ? [low / room, high * room] : [low - room, high + room], ticks: v.filter((_, i) => i % every === 0) };
}

/* What is reached without a network, for those who would know whether it was worth it. */
function baseline(sweep) {
  const found = sweep.cells.map((c) => c.metrics.baseline_psnr?.mean).filter((v) => v !== undefined);
  return found.length ? `Interpolation of the training samples reaches ${found[0].toFixed(2)} dB.` : '';
}

/* const plot = makePlot(sweep, pointer)   pointer: a numeric axis, or null for bars
 * plot.element, plot.draw(sweep), plot.close() */
export function makePlot(sweep, pointer) {
  const place = el('div', {});
  const hint = el('p', { class: 'hint' });
  const element = el('div', {}, place, hint);
  let chart = null;
  let metric = null;

  function draw(now) {
    const current = mainMetric(now);
    hint.textContent = baseline(now);
    if (!pointer) {
      place.replaceChildren(current ? bars(now, current) : el('p', { class: 'hint' }, 'Nothing measured yet.'));
      return;
    }
    if (!chart || metric !== current) {
      chart?.close();
      metric = current;
      const axis = now.axes.find((a) => a.pointer === pointer);
      const name = metric ? metricName(metric).replace(/^(test|training) /, '') : 'Quality';
      chart = makeChart({
        title: `${name}${metric && unitOf(metric) ? `, ${unitOf(metric)}` : ''}, over ${settingName(pointer)}`,
        x: { label: settingName(pointer), ...scaleOf(axis) },
        y: { log: metric !== null && isLessBetter(metric), unit: '' },
        empty: 'Nothing measured yet: a point for each setting stands here as soon as its first job has ended.',
        height: 260,
        last: false,
      });
      place.replaceChildren(chart.element);
    }
    if (metric) chart.draw(linesOf(now, pointer, metric));
  }

  draw(sweep);
  return { element, draw, close: () => chart?.close() };
}

