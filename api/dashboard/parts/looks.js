/* How a field is looked at follows from its task and its dimensions. */

/* 'signal', 'picture', 'volume' (values at places in space, seen in slices) or 'space' (shapes and scenes, seen by a
 * camera).  thing: a field, or a job with its dataset's info. */
export function lookOf(task, nDims) {
  if (task === 'signal') return 'signal';
  if (task === 'shape' || task === 'views') return 'space';
  return nDims === 3 || task === 'volume' ? 'volume' : 'picture';
}

export const lookOfField = (field) => lookOf(field.task, field.n_inputs);

/* Of a job, before there is a field to ask: a volume has a depth. */
export const lookOfJob = (job, dataset) => lookOf(job.task, dataset?.info?.depth > 1 ? 3 : 2);

/* The path of a small picture of a field, `width` pixels wide; null where that takes more than a GET.  v: the
 * version that is shown. */
export function smallPicturePath(fieldId, look, width, v) {
  const version = v === null || v === undefined ? '' : `&v=${encodeURIComponent(v)}`;
  if (look === 'picture') return `/v1/fields/${fieldId}/image?width=${width}${version}`;
  if (look === 'volume') return `/v1/fields/${fieldId}/slice?axis=z&orientation=upright&width=${width}${version}`;
  return null;
}
