/* Where a small picture of a shape or a scene is seen from. */

const radians = (degrees) => (degrees * Math.PI) / 180;

const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
const cross = (a, b) => [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
const unit = (a) => a.map((v) => v / Math.hypot(...a));

/* The mesh as its preview shows it: from afar, y upwards, filling the picture. */
function ofShape({ bbox, reach }) {
  const back = unit([0.42, 0.3, 0.86]);
  const right = unit(cross([0, 1, 0], back));
  const up = cross(back, right);
  const corners = Array.from({ length: 8 }, (_, i) => [0, 1, 2].map((d) => bbox[(i >> d) & 1 ? d + 3 : d]));
  const [x, y] = [right, up].map((axis) => corners.map((c) => dot(c, axis))).map((p) => [Math.min(...p), Math.max(...p)]);
  const depth = dot([0, 1, 2].map((d) => (bbox[d] + bbox[d + 3]) / 2), back);
  const middle = [0, 1, 2].map((d) => (right[d] * (x[0] + x[1]) + up[d] * (y[0] + y[1])) / 2 + back[d] * depth);
  const distance = 12 * reach;
  const half = Math.max(x[1] - x[0], y[1] - y[0]) / 2;
  return {
    look_at: { eye: middle.map((m, d) => m + distance * back[d]), target: middle, up: [0, 1, 0] },
    fov_degrees: (2 * 180 * Math.atan(half / distance)) / Math.PI,
  };
}

/* A scene from among its cameras, half way up. */
function ofViews({ bbox, surroundings }) {
  const middle = [0, 1, 2].map((d) => (bbox[d] + bbox[d + 3]) / 2);
  const side = Math.max(...[0, 1, 2].map((d) => bbox[d + 3] - bbox[d]));
  const distance = surroundings?.distance || 1.5 * side;
  const [turn, rise] = [radians(-60), radians(30)];
  const direction = [Math.cos(rise) * Math.cos(turn), Math.cos(rise) * Math.sin(turn), Math.sin(rise)];
  return {
    look_at: { eye: middle.map((m, d) => m + distance * direction[d]), target: middle, up: [0, 0, 1] },
    fov_degrees: (2 * 180 * Math.atan((0.5 * side) / distance)) / Math.PI,
  };
}

export function defaultCamera(dataset) {
  if (!dataset) throw new Error('the data is gone: its place in space is not known here');
  return dataset.kind === 'shape' ? ofShape(dataset.info) : ofViews(dataset.info);
}
