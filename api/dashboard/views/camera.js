/* A camera in space, as plain numbers; nothing here knows a page.
 *
 *   camera = { eye: [x, y, z], target: [x, y, z], up: [x, y, z], fov }   source units; fov: horizontal, degrees
 *
 * It never rolls: `up` is the world's, and the camera stays a degree away from looking along it.  Functions return a
 * new camera. */

const FOV = 40;
const POLE = Math.PI / 180; /* nearer to `up` than this no camera looks */
const AXES = { x: [1, 0, 0], y: [0, 1, 0], z: [0, 0, 1] };

/* --- vectors --- */

const add = (a, b, s = 1) => a.map((v, i) => v + s * b[i]);
const scale = (a, s) => a.map((v) => v * s);
export const dot = (a, b) => a.reduce((sum, v, i) => sum + v * b[i], 0);
const cross = (a, b) => [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
export const length = (a) => Math.sqrt(dot(a, a));
const normalize = (a) => scale(a, 1 / length(a));
const middle = (box) => [0, 1, 2].map((i) => (box[i] + box[i + 3]) / 2);
const diagonal = (box) => length([0, 1, 2].map((i) => box[i + 3] - box[i]));

/* About a unit axis, by the right hand (Rodrigues). */
const rotate = (v, axis, angle) => add(add(scale(v, Math.cos(angle)), cross(axis, v), Math.sin(angle)), axis, dot(axis, v) * (1 - Math.cos(angle)));

export const distance = (camera) => length(add(camera.eye, camera.target, -1));

/* Unit vectors of the picture: to the right, upwards, into it. */
export function frameOf(camera) {
  const ahead = normalize(add(camera.target, camera.eye, -1));
  const right = normalize(cross(ahead, camera.up));
  return { right, above: cross(right, ahead), ahead };
}

/* --- moving --- */

/* `offset`, from the target to the eye, kept away from the poles of `up`. */
function awayFromPoles(offset, up) {
  const angle = Math.acos(Math.min(Math.max(dot(offset, up) / length(offset), -1), 1));
  const kept = Math.min(Math.max(angle, POLE), Math.PI - POLE);
  if (kept === angle) return offset;
  const side = cross(up, offset);
  const axis = length(side) > 1e-9 * length(offset) ? side : cross(up, Math.abs(up[0]) < 0.9 ? AXES.x : AXES.y);
  return scale(rotate(up, normalize(axis), kept), length(offset));
}

/* Around the target, degrees: to the east, and upwards. */
export function orbit(camera, east, north) {
  const turned = rotate(add(camera.eye, camera.target, -1), camera.up, (east * Math.PI) / 180);
  const angle = Math.acos(Math.min(Math.max(dot(turned, camera.up) / length(turned), -1), 1));
  const wanted = Math.min(Math.max(angle - (north * Math.PI) / 180, POLE), Math.PI - POLE);
  const axis = normalize(cross(camera.up, turned));
  return { ...camera, eye: add(camera.target, scale(rotate(camera.up, axis, wanted), length(turned))) };
}

/* Nearer to the target (factor < 1) or farther away, within [least, most]. */
export function dolly(camera, factor, [least, most] = [1e-6, 1e8]) {
  const now = distance(camera);
  const wanted = Math.min(Math.max(now * factor, least), most);
  return { ...camera, eye: add(camera.target, add(camera.eye, camera.target, -1), wanted / now) };
}

/* What is seen moves by so many widths of the picture to the right and downwards. */
export function pan(camera, right, down) {
  const { right: r, above } = frameOf(camera);
  const width = 2 * distance(camera) * Math.tan((camera.fov * Math.PI) / 360);
  const by = add(scale(r, -right * width), above, down * width);
  return { ...camera, eye: add(camera.eye, by), target: add(camera.target, by) };
}

/* Another axis of the world upwards. */
export function withUp(camera, name) {
  const up = AXES[name];
  return { ...camera, up, eye: add(camera.target, awayFromPoles(add(camera.eye, camera.target, -1), up)) };
}

/* 'x', 'y', 'z', or null for a direction between them. */
export const nameOfUp = (camera) => Object.keys(AXES).find((name) => dot(AXES[name], camera.up) > 0.9999) ?? null;

/* --- where to stand first --- */

/* A mesh: like its preview, from the front, a little from the right and from above, +y up. */
function beforeShape(field, dataset) {
  const box = dataset?.info.bbox ?? field.domain.bbox;
  const away = (0.5 * diagonal(box)) / Math.sin((FOV * Math.PI) / 360);
  const target = middle(box);
  return { target, eye: add(target, normalize([0.55, 0.45, 1]), away), up: AXES.y, fov: FOV };
}

/* As far away as the training cameras: among them where they stand on one side, else half-way up among those who
 * stand all around. */
function beforeScene(field, dataset) {
  const target = middle(field.domain.bbox);
  const cameras = dataset?.info.cameras_bbox;
  const away = dataset?.info.surroundings?.distance ?? diagonal(field.domain.bbox);
  const side = cameras ? add(middle(cameras), target, -1) : [0, 0, 0];
  const isAround = Math.hypot(side[0], side[1]) < 0.5 * away;
  const from = isAround ? [0.75, -1, side[2] < -0.1 * away ? -0.6 : 0.6] : side;
  return { target, eye: add(target, awayFromPoles(scale(normalize(from), away), AXES.z)), up: AXES.z, fov: FOV };
}

/* dataset: may be null. */
export function defaultCamera(field, dataset) {
  return field.task === 'shape' ? beforeShape(field, dataset) : beforeScene(field, dataset);
}

/* Where a camera of the data stood: c2w (3 or 4 rows, it looks along -z, +y up), looking at what is nearest to `centre`. */
export function fromPose(c2w, fov, centre, up) {
  const eye = c2w.slice(0, 3).map((row) => row[3]);
  const ahead = normalize(c2w.slice(0, 3).map((row) => -row[2]));
  const along = Math.max(dot(add(centre, eye, -1), ahead), 0.05 * length(add(centre, eye, -1)), 1e-3);
  const target = add(eye, ahead, along);
  return { target, eye: add(target, awayFromPoles(scale(ahead, -along), up)), up, fov };
}

/* The axis that is upwards for most of these cameras. */
export function commonUp(poses) {
  const sum = poses.reduce((s, c2w) => add(s, c2w.slice(0, 3).map((row) => row[1])), [0, 0, 0]);
  const sizes = sum.map(Math.abs);
  const axis = sizes.indexOf(Math.max(...sizes));
  return [0, 1, 2].map((i) => (i === axis ? Math.sign(sum[axis]) || 1 : 0));
}

/* --- in words of others --- */

/* To a millionth of the distance: what is copied stays short, and an address asks for the very same picture. */
function tidy(camera) {
  const decimals = Math.min(Math.max(6 - Math.floor(Math.log10(distance(camera))), 0), 20);
  const round = (v) => v.map((n) => Number(n.toFixed(decimals)) || 0);
  return { eye: round(camera.eye), target: round(camera.target), up: camera.up.map((n) => Number(n.toFixed(9)) || 0), fov: Number(camera.fov.toFixed(4)) };
}

/* As POST /render has it. */
export function toRequest(camera) {
  const { eye, target, up, fov } = tidy(camera);
  return { look_at: { eye, target, up }, fov_degrees: fov };
}

/* The ray through a place of a picture as high as wide (0, 0 at its upper left, 1, 1 at its lower right), as a camera
 * whose only pixel it is. */
export function throughPlace(camera, x, y) {
  const { right, above, ahead } = frameOf(camera);
  const half = Math.tan((camera.fov * Math.PI) / 360);
  const direction = normalize(add(add(ahead, right, (2 * x - 1) * half), above, (1 - 2 * y) * half));
  return { ...camera, target: add(camera.eye, direction, distance(camera)), up: above };
}

/* The place that lies `t` along the middle of the picture. */
export const along = (camera, t) => add(camera.eye, frameOf(camera).ahead, t);

/* Keys of an address. */
export function toQuery(camera) {
  return Object.fromEntries(Object.entries(tidy(camera)).map(([key, v]) => [key, String(v)]));
}

/* The camera of an address, or null where it has none that could look. */
export function fromQuery(query) {
  const vector = (key) => (query.get(key) ?? '').split(',').map((t) => (t.trim() ? Number(t) : NaN));
  const [eye, target, up] = ['eye', 'target', 'up'].map(vector);
  const fov = Number(query.get('fov') ?? NaN);
  const isGood = [eye, target, up].every((v) => v.length === 3 && v.every((n) => Number.isFinite(n) && Math.abs(n) <= 1e9));
  if (!isGood || !(fov > 0 && fov < 180) || !length(up)) return null;
  const offset = add(eye, target, -1);
  if (!(length(offset) > 0)) return null;
  const upward = normalize(up);
  return { eye: add(target, awayFromPoles(offset, upward)), target, up: upward, fov };
}
