/* Line charts by uPlot, in the page's colours, that say in words what they show. */

import { el } from '/assets/dom.js';
import { number } from '/assets/words.js';
import { uPlot } from '/assets/parts/library.js';

const dark = matchMedia('(prefers-color-scheme: dark)');

/* Points of several lines on one x axis, as uPlot has them: [[x…], [y or null…], …]. */
function align(lines) {
  const xs = [...new Set(lines.flatMap((l) => l.points.map((p) => p[0])))].sort((a, b) => a - b);
  const index = new Map(xs.map((x, i) => [x, i]));
  const rows = lines.map((line) => {
    const row = new Array(xs.length).fill(null);
    for (const [x, y] of line.points) row[index.get(x)] = Number.isFinite(y) ? y : null;
    return row;
  });
  return [xs, ...rows];
}

/* Powers of ten, or of 2 and 5 times them where there are few, for a logarithmic axis. */
function decades(low, high) {
  const from = Math.floor(Math.log10(low) + 1e-9);
  const to = Math.ceil(Math.log10(high) - 1e-9);
  const every = Math.ceil((to - from) / 6) || 1;
  const parts = to - from > 2 ? [1] : [1, 2, 5];
  const all = [];
  for (let e = from; e <= to; e += every) all.push(...parts.map((m) => m * 10 ** e));
  return all.filter((v) => v >= low * (1 - 1e-9) && v <= high * (1 + 1e-9));
}

const decade = (v) => (Math.abs(Math.log10(v)) > 3.5 ? Number(v.toPrecision(1)).toExponential() : String(Number(v.toPrecision(1))));

/* A chart in a <figure>.
 *   title     the figure's caption
 *   x, y      { label, log: logarithmic or not, range: [low, high] or none, unit, ticks: [values] or none }
 *   empty     what stands there before there is anything to draw
 *   last      does the legend tell each line's last value while the pointer is elsewhere?
 *   onPoint   onPoint(x) when the pointer moves over it
 *   onRange   onRange(low, high) when a part of the x axis has been dragged over
 * chart.draw(lines): lines [{ name, points: [[x, y], …], dashed, dots (no line), marks (line and dots),
 * colour: 1..6 }]; as many lines may come and go as like.  chart.close(). */
export function makeChart({ title, x = {}, y = {}, empty = 'Nothing measured yet.', height = 190, last: tellsLast = true, onPoint, onRange }) {
  const place = el('div', { class: 'chart' });
  place.style.height = `${height}px`;
  const words = el('p', { class: 'hint' }, empty);
  const legend = el('div', { class: 'legend' });
  const figure = el('figure', {}, el('figcaption', {}, title), words, place, legend);
  let plot = null;
  let drawn = null; /* the lines' looks that `plot` was made with */
  let last = [];
  let closed = false;
  place.hidden = true;

  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const lineColour = (line, i) => colour(`--series-${line.colour ?? (i % 6) + 1}`);

  function axis(a, side) {
    return {
      scale: side,
      stroke: colour('--soft'),
      font: '11px system-ui, sans-serif',
      grid: { stroke: colour('--line'), width: 1 },
      ticks: { stroke: colour('--line'), width: 1, size: 4 },
      size: side === 'y' ? 52 : 30,
      gap: 3,
      splits: a.ticks ? () => a.ticks : a.log ? (u, i, low, high) => decades(low, high) : undefined,
      filter: a.log ? (u, all) => all : undefined,
      values: (u, all) => all.map((v) => (v === null ? '' : `${a.log && !a.ticks ? decade(v) : number(v, 3)}${a.unit ? ` ${a.unit}` : ''}`)),
    };
  }

  function scale(a) {
    const s = { time: false };
    if (a.log) s.distr = 3;
    if (a.range) s.range = a.range;
    return s;
  }

  function describe(lines) {
    const said = lines.filter((l) => l.points.length).map((l) => {
      const [px, py] = l.points[l.points.length - 1];
      return `${l.name}: ${number(py)} at ${number(px)}${x.unit ? ` ${x.unit}` : ''}`;
    });
    place.setAttribute('role', 'img');
    place.setAttribute('aria-label', `${title}. ${said.join('; ')}`);
  }

  async function make(lines) {
    const UPlot = await uPlot();
    if (closed || !place.isConnected) return false;
    plot?.destroy();
    plot = new UPlot({
      width: Math.max(place.clientWidth, 80),
      height,
      padding: [8, 14, 0, 0],
      legend: { show: false },
      cursor: { y: false, drag: { x: Boolean(onRange), y: false, setScale: false } },
      scales: { x: scale(x), y: scale(y) },
      axes: [axis(x, 'x'), axis(y, 'y')],
      series: [{}, ...lines.map((line, i) => ({
        label: line.name,
        stroke: lineColour(line, i),
        width: line.dots ? 0 : 2,
        dash: line.dashed ? [6, 4] : undefined,
        spanGaps: true,
        points: { show: Boolean(line.dots || line.marks) || line.points.length < 2, size: 7, fill: lineColour(line, i) },
      }))],
      hooks: { setCursor: [pointed], setSelect: [selected], draw: [painted] },
    }, align(lines), place);
    return true;
  }

  /* How often: for those who wait for it. */
  function painted() {
    place.dataset.drawn = String(Number(place.dataset.drawn ?? 0) + 1);
  }

  function pointed(u) {
    tell(u.cursor.idx);
    if (onPoint && u.cursor.left >= 0) onPoint(u.posToVal(u.cursor.left, 'x'));
  }

  function selected(u) {
    const { left, width } = u.select;
    if (!width) return;
    u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
    if (onRange) onRange(u.posToVal(left, 'x'), u.posToVal(left + width, 'x'));
  }

  /* The legend tells the values under the pointer, or the last ones. */
  function tell(index) {
    legend.replaceChildren(...last.map((line, i) => {
      const at = index === null || index === undefined ? null : plot?.data[0][index];
      const resting = tellsLast ? line.points[line.points.length - 1] : undefined;
      const point = at === null ? resting : line.points.find((p) => p[0] === at);
      const mark = el('i');
      mark.style.background = lineColour(line, i);
      return el('span', {}, mark, `${line.name}${point ? ` ${number(point[1])}${y.unit ? ` ${y.unit}` : ''}` : ''}`);
    }));
  }

  let turn = Promise.resolve();
  async function redraw(lines) {
    const look = JSON.stringify(lines.map((l) => [l.name, l.dashed, l.dots, l.marks, l.colour, l.points.length < 2]));
    if (!plot || look !== drawn) {
      if (await make(lines)) drawn = look;
    } else {
      plot.setData(align(lines));
    }
  }

  function draw(lines) {
    const usable = lines.map((l) => ({ ...l, points: l.points.filter((p) => !(x.log && p[0] <= 0) && !(y.log && p[1] <= 0)) }));
    last = usable;
    const has = usable.some((l) => l.points.length > 0);
    place.hidden = !has;
    words.hidden = has;
    if (!has) return;
    describe(usable);
    tell(null);
    turn = turn.then(() => redraw(usable)).catch((error) => {
      words.textContent = error.message;
      words.hidden = false;
    });
  }

  const resized = new ResizeObserver(() => plot && place.clientWidth && plot.setSize({ width: place.clientWidth, height }));
  resized.observe(place);
  const recolour = () => {
    drawn = null;
    if (last.length) draw(last);
  };
  dark.addEventListener('change', recolour);

  return {
    element: figure,
    draw,
    close() {
      closed = true;
      resized.disconnect();
      dark.removeEventListener('change', recolour);
      plot?.destroy();
    },
  };
}
