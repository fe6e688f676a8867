/* What a fit has not learned yet, by frequency: the spectral bias, seen.
 *
 * The service measures residual_band_0 … _5: the power of field − data over that of the data, in octaves of frequencies,
 * the lowest first (up to 1/64 cycle per pixel, … above 1/4).  About 1: nothing is learned; 0: all is.  What is left of
 * 1 is called learned here.  Bands that the data leave empty are not told. */

import { el } from '/assets/dom.js';
import { makeChart } from '/assets/parts/chart.js';

const LEARNED = 0.9;
const BANDS = 6;

const percent = (part) => `${Math.round(100 * part)}\u00a0%`;
const cycles = (e) => `1/${2 ** e}`;

/* In cycles per pixel. */
const RANGES = Array.from({ length: BANDS }, (_, k) => {
  if (k === 0) return { name: `up to ${cycles(BANDS)}`, top: cycles(BANDS) };
  if (k === BANDS - 1) return { name: `over ${cycles(2)}`, top: cycles(1) };
  return { name: `${cycles(BANDS + 1 - k)} – ${cycles(BANDS - k)}`, top: cycles(BANDS - k) };
});

/* bands: [{ range, learned }], the lowest first. */
function story(bands, unit) {
  const n = bands.findIndex((b) => b.learned < LEARNED);
  const finest = percent(bands.at(-1).learned);
  if (n < 0) return `All frequencies are learned to over ${percent(LEARNED)}, the finest to ${finest}. The low ones came first: the spectral bias.`;
  const slow = n === 0 ? `No band is learned to ${percent(LEARNED)} yet` : `Up to ${bands[n - 1].range.top} cycle per ${unit} all is learned to over ${percent(LEARNED)}`;
  return `${slow}; the finest details stand at ${finest}. Low frequencies are learned first: the spectral bias.`;
}

/* axis: 'steps' or 'seconds'; unit: what a cycle is counted over.  spectrum.draw(series) hides it where nothing is measured. */
export function makeSpectrum({ axis, unit = 'pixel' }) {
  const bars = el('ol', { class: 'bands' });
  const words = el('p', { class: 'hint' });
  const chart = makeChart({
    title: `Residual by frequency, over ${axis} (both logarithmic)`,
    x: { label: axis, log: true, unit: axis === 'seconds' ? 's' : '' },
    y: { label: 'part of the power that is left', log: true },
  });
  const now = el('figure', {}, el('figcaption', {}, `Learned now, by frequency (cycles per ${unit})`), bars, words);
  const element = el('section', { class: 'spectrum', 'aria-label': 'Spectrum of the residual', hidden: true }, now, chart.element);

  let drawn = null;

  function bar({ k, range, learned }) {
    const fill = el('i', { class: `series-${k + 1}` });
    fill.style.width = `${100 * learned}%`;
    return el('li', {}, el('span', {}, range.name), el('span', { class: 'track', 'aria-hidden': 'true' }, fill), el('span', { class: 'part' }, percent(learned)));
  }

  return {
    element,
    draw(series) {
      const bands = RANGES.map((range, k) => ({ k, range, key: `residual_band_${k}` })).filter(({ key }) => series.has(key))
        .map((b) => ({ ...b, learned: Math.min(1, Math.max(0, 1 - series.last(b.key)[1])) }));
      element.hidden = bands.length === 0;
      if (!bands.length) return;
      const state = JSON.stringify(bands);
      if (state !== drawn) {
        drawn = state;
        bars.replaceChildren(...bands.map(bar));
        words.textContent = story(bands, unit);
      }
      chart.draw(bands.map(({ k, range, key }) => ({ name: range.name, points: series.line(key, axis), colour: k + 1 })));
    },
    close: () => chart.close(),
  };
}
