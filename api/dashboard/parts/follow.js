/* A field in training, followed: its newer versions, asked for slowly, and more slowly the longer it has been learning.
 *
 *   follow(page, field, onNewer)    onNewer(field) with each version that is newer than this one; null: it is gone */

import { get } from '/assets/api.js';

const PATIENCE = 0.05; /* of the time that it has been learning passes between two looks at least */
const POLL_MS = 7000;

export function follow(page, first, onNewer) {
  let field = first;
  let next = 0;
  page.every(POLL_MS, async () => {
    if (!field || field.state === 'final' || performance.now() < next) return;
    const newer = await get(`/v1/fields/${first.id}`, { signal: page.signal }).catch((error) => {
      if (error.status !== 404) throw error;
      return null;
    });
    if (newer && newer.step === field.step && newer.state === field.state && newer.bytes === field.bytes) return;
    field = newer;
    if (newer) {
      const job = await get(`/v1/jobs/${newer.job_id}`, { signal: page.signal });
      next = performance.now() + PATIENCE * (Date.now() - Date.parse(job.started_at ?? job.created_at));
    }
    await onNewer(newer);
  });
}
