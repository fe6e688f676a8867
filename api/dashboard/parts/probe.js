/* The value of a field where somebody looks: one request at a time, and of the places that come meanwhile the last.
 *
 *   const probe = makeProbe({ page, ask, tell })
 *   probe.at(point)     a point in source coordinates; null: nowhere, what was told stays
 *   ask(point)          → promise of the value
 *   tell({ point, value, note }) as of a viewer (pages/field.js); noteAt(point) → words, where there are any */

export function makeProbe({ page, ask, tell, noteAt = () => null }) {
  let wanted = null;
  let isAsking = false;

  async function run() {
    isAsking = true;
    while (wanted && !page.signal.aborted) {
      const point = wanted;
      wanted = null;
      try {
        const value = await ask(point);
        if (!wanted) tell({ point, value, note: noteAt(point) });
      } catch (error) {
        if (!wanted) tell({ point, value: null, note: error.message });
      }
    }
    isAsking = false;
  }

  return {
    at(point) {
      if (!point) return;
      wanted = point;
      if (!isAsking) run();
    },
  };
}
