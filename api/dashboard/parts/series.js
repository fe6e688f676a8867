/* Metrics over time, as a job tells them: for each key its points [step, value, seconds], by step.  A point that comes
 * again for its step (after a restart, a second attempt, a cut connection) takes the old one's place, as in the store:
 * what is here equals what GET /metrics says. */

const MOST_POINTS = 1200; /* of a drawn line */

/* Where the point of a step is, or would be. */
function place(points, step) {
  let low = 0;
  let high = points.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (points[middle][0] < step) low = middle + 1;
    else high = middle;
  }
  return low;
}

/* As many as can be told apart, and the last one. */
function thinned(points) {
  const every = Math.ceil(points.length / MOST_POINTS);
  return every < 2 ? points : points.filter((_, i) => i % every === 0 || i === points.length - 1);
}

export class Series {
  constructor() {
    this.lines = {};
  }

  add(key, step, value, seconds) {
    const points = (this.lines[key] ??= []);
    if (!points.length || step > points[points.length - 1][0]) {
      points.push([step, value, seconds]);
      return;
    }
    const i = place(points, step);
    points.splice(i, points[i][0] === step ? 1 : 0, [step, value, seconds]);
  }

  /* series: as GET /metrics gives them. */
  addAll(series) {
    for (const [key, points] of Object.entries(series)) for (const p of points) this.add(key, ...p);
  }

  /* What jobs before this one measured, up to where it began: it went on from there. */
  addEarlier(series) {
    const first = Math.min(Infinity, ...Object.values(this.lines).map((points) => points[0][0]));
    const before = Object.entries(series).map(([key, points]) => [key, points.filter((p) => p[0] < first)]);
    this.addAll(Object.fromEntries(before));
  }

  has(key) {
    return Boolean(this.lines[key]?.length);
  }

  last(key) {
    return this.lines[key]?.at(-1) ?? null;
  }

  /* [[x, value], …] with steps or seconds of training as x. */
  line(key, axis) {
    const x = axis === 'steps' ? 0 : 2;
    return thinned(this.lines[key] ?? []).map((p) => [p[x], p[1]]);
  }

  /* Over the last five seconds of training; null where there is nothing to tell it from. */
  stepsPerSecond() {
    const points = this.lines.loss ?? [];
    const last = points.at(-1);
    const first = points.findLast((p) => p[2] <= last[2] - 5) ?? points[0];
    return last && last[2] > first[2] ? (last[0] - first[0]) / (last[2] - first[2]) : null;
  }
}
