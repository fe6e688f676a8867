/* Signals of a sweep as curves: the data, and what each setting made of them.
 *
 *   const signals = makeSignals(page)
 *   signals.element, await signals.draw(dataset, [{ name, fieldId (or none yet) }]) */

import { getArray, post } from '/assets/api.js';
import { el } from '/assets/dom.js';
import { makeChart } from '/assets/parts/chart.js';

const MOST = 512; /* places that are asked for */

export function makeSignals(page) {
  const options = { signal: page.signal };
  const chart = makeChart({ title: 'The first channel, as each learned it', empty: 'Nothing learned yet.', height: 300, last: false });
  const data = new Map(); /* dataset id → points */
  let turn = 0; /* the latest that is wanted is drawn */
  page.onLeave(() => chart.close());

  async function dataPoints(dataset) {
    if (!dataset) return [];
    if (!data.has(dataset.id)) {
      const array = await getArray(`/v1/datasets/${dataset.id}/content`, options).catch(() => null); /* of other numbers than float32 */
      const n = array?.shape[0] ?? 0;
      const every = Math.max(1, Math.floor(n / MOST));
      data.set(dataset.id, Array.from({ length: Math.floor(n / every) }, (_, i) => [(i * every) / n, array.data[i * every * (array.shape[1] ?? 1)]]));
    }
    return data.get(dataset.id);
  }

  async function curve(fieldId) {
    const x = Array.from({ length: MOST }, (_, i) => i / MOST);
    const { value } = await post(`/v1/fields/${fieldId}/query`, { coords: x.map((v) => [v]), frame: 'source' }, options);
    return value.map((v, i) => [x[i], v[0]]);
  }

  return {
    element: el('div', { class: 'sweep-signals' }, chart.element),
    async draw(dataset, cells) {
      const mine = ++turn;
      const lines = await Promise.all(cells.filter((c) => c.fieldId).map(async (c, i) => ({ name: c.name, colour: i + 1, points: await curve(c.fieldId) })));
      const points = await dataPoints(dataset);
      if (mine === turn) chart.draw([{ name: 'the data', dashed: true, colour: 6, points }, ...lines]);
    },
  };
}
