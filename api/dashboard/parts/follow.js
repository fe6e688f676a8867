/* A field in training, followed: its newer versions, ever more rarely the longer it has been learning, and the more
 * rarely the more it costs the service to show one; the final one at once.
 *
 *   follow(page, field, onNewer)    onNewer(field) with each version that is to be shown; null: it is gone */

import { get } from '/assets/api.js';

const POLL_MS = 7000;
const PATIENCE = 0.05; /* of the time that it has been learning passes between two versions at least */
const ALLOWANCE_MS = 15000; /* of answers that were waited for, before … */
const COST = 30; /* … what a version took must be this small a part of the time to the next */

/* Milliseconds of all answers about a field so far, side by side ones each counted. */
function makeMeter(page, id) {
  let spent = 0;
  const observer = new PerformanceObserver((list) => {
    for (const e of list.getEntries()) if (e.name.includes(id)) spent += e.responseEnd - (e.requestStart || e.startTime);
  });
  observer.observe({ type: 'resource' });
  page.onLeave(() => observer.disconnect());
  return () => spent;
}

export function follow(page, first, onNewer) {
  const spent = makeMeter(page, first.id);
  let field = first;
  let shownAt = performance.now();
  let before = 0; /* what had been spent when it was shown */
  let startedAt = null;

  async function ageMs(jobId) {
    startedAt ??= Date.parse((await get(`/v1/jobs/${jobId}`, { signal: page.signal })).started_at ?? '') || null;
    return startedAt === null ? 0 : Date.now() - startedAt;
  }

  async function isDue(newer) {
    if (!newer || newer.state === 'final') return true;
    const cost = spent() > ALLOWANCE_MS ? COST * (spent() - before) : 0;
    return performance.now() - shownAt >= Math.max(cost, PATIENCE * (await ageMs(newer.job_id)));
  }

  page.every(POLL_MS, async () => {
    if (!field || field.state === 'final') return;
    const newer = await get(`/v1/fields/${first.id}`, { signal: page.signal }).catch((error) => {
      if (error.status !== 404) throw error;
      return null;
    });
    if (newer && newer.step === field.step && newer.state === field.state && newer.bytes === field.bytes) return;
    if (!(await isDue(newer))) return;
    shownAt = performance.now();
    before = spent();
    await onNewer(newer);
    field = newer; /* what failed is tried again */
  });
}
