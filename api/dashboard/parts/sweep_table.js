/* The cells of a sweep as a table: settings, what they reached, and the jobs behind them. */

import { el } from '/assets/dom.js';
import { address } from '/assets/page.js';
import { settingName, valueText } from '/assets/parts/setting.js';
import { count, number } from '/assets/words.js';

/* What is shown of the metrics, in this order: [key, name, digits behind the point, is less better]. */
const METRICS = [
  ['test_psnr', 'test PSNR', 2], ['psnr', 'training PSNR', 2], ['ssim', 'SSIM', 4], ['iou_boundary', 'IoU near the surface', 4], ['iou_uniform', 'IoU', 4],
  ['distance_error', 'distance error', 5, true], ['test_mse', 'test MSE', 6, true], ['mse', 'training MSE', 6, true], ['residual', 'residual', 5, true],
];
const UNITS = { psnr: 'dB', test_psnr: 'dB' };
const MOST_LINKS = 12;

export const isLessBetter = (key) => Boolean(METRICS.find(([k]) => k === key)?.[3]);
export const metricName = (key) => METRICS.find(([k]) => k === key)?.[1] ?? key.replaceAll('_', ' ');
export const unitOf = (key) => UNITS[key] ?? '';

/* Keys of the metrics that at least one cell has. */
export function metricsOf(sweep) {
  const has = (key) => sweep.cells.some((c) => c.metrics[key]);
  const known = METRICS.map(([key]) => key).filter(has);
  if (known.includes('test_psnr') || known.includes('psnr')) return known.filter((k) => !/mse$/.test(k) || k === sweep.metric);
  return known;
}

/* "29.31 ± 0.20" */
export function metricText(cell, key) {
  const m = cell.metrics[key];
  if (!m) return '–';
  const digits = METRICS.find(([k]) => k === key)?.[2] ?? 4;
  const tell = (v) => (digits > 4 ? number(v, 4) : v.toFixed(digits));
  return cell.n > 1 ? `${tell(m.mean)} ± ${tell(m.std)}` : tell(m.mean);
}

function jobLinks(cell, sweep, name) {
  const some = cell.job_ids.slice(0, MOST_LINKS).map((id, i) => el('a', { href: `#/jobs/${id}`, 'aria-label': `Job ${i + 1} of ${name}` }, String(i + 1)));
  const rest = cell.job_ids.length - MOST_LINKS;
  return el('span', { class: 'sweep-jobs' }, some, rest > 0 ? el('a', { href: address('jobs', { sweep_id: sweep.id }) }, `and ${count(rest)} more`) : null);
}

export const cellName = (cell) => Object.entries(cell.setting).map(([p, v]) => (typeof v === 'object' && v !== null ? valueText(v) : `${settingName(p)} ${valueText(v)}`)).join(', ') || 'the one setting';

/* const table = makeTable({ sorted, onSort })   sorted: 'key' or '-key' or ''; onSort(text)
 * table.element, table.draw(sweep) */
export function makeTable({ sorted, onSort }) {
  const element = el('div', { class: 'scroll', tabIndex: 0, role: 'region', 'aria-label': 'Table of the sweep' });
  let last = null;

  function columnsOf(sweep) {
    const axes = sweep.axes.filter((a) => a.pointer !== '/train/seed').map(({ pointer }) => ({
      key: pointer, name: settingName(pointer), isSetting: true,
      value: (c) => (typeof c.setting[pointer] === 'number' ? c.setting[pointer] : valueText(c.setting[pointer] ?? null)),
      cell: (c) => valueText(c.setting[pointer] ?? null),
    }));
    const metrics = metricsOf(sweep).map((key) => ({
      key, name: metricName(key) + (unitOf(key) ? `, ${unitOf(key)}` : ''), value: (c) => c.metrics[key]?.mean,
      cell: (c) => metricText(c, key),
    }));
    return [...axes, ...metrics];
  }

  function order(columns, cells) {
    const [, minus, key] = /^(-?)(.*)$/.exec(sorted);
    const column = columns.find((c) => c.key === key);
    const numbered = cells.map((cell, i) => ({ cell, i }));
    if (!column) return numbered;
    const has = (v) => v !== undefined;
    return numbered.sort((a, b) => {
      const [x, y] = [column.value(a.cell), column.value(b.cell)];
      if (!has(x) || !has(y)) return has(y) - has(x);
      const d = typeof x === 'number' && typeof y === 'number' ? x - y : String(x).localeCompare(String(y), 'en', { numeric: true });
      return minus ? -d : d;
    });
  }

  function sortBy(column) {
    const [first, second] = column.isSetting ? [column.key, `-${column.key}`] : [`-${column.key}`, column.key];
    sorted = sorted === first ? second : sorted === second ? '' : first;
    onSort(sorted);
    draw(last);
    element.querySelector(`[data-key="${CSS.escape(column.key)}"] button`)?.focus();
  }

  function draw(sweep) {
    last = sweep;
    const columns = columnsOf(sweep);
    const [, minus, key] = /^(-?)(.*)$/.exec(sorted);
    const head = columns.map((c) => el('th', { scope: 'col', 'data-key': c.key, 'aria-sort': c.key === key ? (minus ? 'descending' : 'ascending') : null },
      el('button', { type: 'button', class: 'plain sorter', onclick: () => sortBy(c) }, c.name)));
    const rows = order(columns, sweep.cells).map(({ cell, i }) => {
      const isBest = i === sweep.best;
      const [first, ...rest] = columns.map((c) => c.cell(cell));
      return el('tr', { class: isBest ? 'best' : '' },
        el('th', { scope: 'row' }, first ?? cellName(cell), isBest ? el('strong', { class: 'best-mark' }, ' ★ best') : null),
        rest.map((text) => el('td', {}, text)),
        el('td', {}, cell.n < cell.job_ids.length ? `${count(cell.n)} of ${count(cell.job_ids.length)}: ` : '', jobLinks(cell, sweep, cellName(cell))));
    });
    element.replaceChildren(el('table', { class: 'sweep-table' },
      el('thead', {}, el('tr', {}, head.length ? head : el('th', { scope: 'col' }, 'setting'), el('th', { scope: 'col' }, 'jobs'))),
      el('tbody', {}, rows)));
  }

  return { element, draw };
}
