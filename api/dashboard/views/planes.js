/* Planes through a volume along the axes of its voxels, as GET …/slice shows them; nothing here knows a page.
 *
 *   unit: [u, v, w] in 0…1 along the voxels' axes       source = matrix · unit + offset
 *   plane = { across, column, row, mirrored: { column, row }, name, frame }
 *     across, column, row   voxel axes: the one that it stands across, those that columns and rows run along …
 *     mirrored              … from their far ends on, so that source coordinates grow to the right and upwards
 *     name, frame           how a request names it: by the axis of source coordinates, or of unit coordinates
 *                           where two of those lie nearest to the same axis of the voxels */

const NAMES = ['x', 'y', 'z'];
const ENDS = [['L', 'R'], ['P', 'A'], ['I', 'S']]; /* of a patient, from small to large coordinates */

const columnOf = (matrix, c) => matrix.map((row) => row[c]);
const lengthOf = (v) => Math.hypot(...v);
const largest = (numbers) => numbers.indexOf(Math.max(...numbers));

/* The voxel axis nearest to one of source coordinates. */
const nearestTo = (matrix, source) => largest([0, 1, 2].map((c) => Math.abs(matrix[source][c]) / lengthOf(columnOf(matrix, c))));

/* The source axis that a voxel axis follows most. */
export const followed = (domain, c) => largest(columnOf(domain.source_from_unit.matrix, c).map(Math.abs));

const leadsUp = (domain, c) => domain.source_from_unit.matrix[followed(domain, c)][c] > 0;

/* Is it known which way is up?  Without a map of their own, volumes are shown as arrays. */
export const isUpright = (domain) => domain.units === 'mm';

/* Across voxel axes 0, 1, 2. */
export function planesOf(domain) {
  const { matrix } = domain.source_from_unit;
  const nearest = [0, 1, 2].map((source) => nearestTo(matrix, source));
  const isPlain = new Set(nearest).size === 3;
  return [0, 1, 2].map((across) => {
    const column = across === 0 ? 1 : 0;
    const row = across === 2 ? 1 : 2;
    const mirrored = isUpright(domain) ? { column: !leadsUp(domain, column), row: leadsUp(domain, row) } : { column: false, row: false };
    return { across, column, row, mirrored, name: NAMES[isPlain ? nearest.indexOf(across) : across], frame: isPlain ? 'source' : 'unit' };
  });
}

/* Rounded to far less than what tells places apart. */
export function sourceOf({ source_from_unit: { matrix, offset } }, unit) {
  return matrix.map((row, i) => {
    const decimals = Math.min(Math.max(7 - Math.floor(Math.log10(lengthOf(row))), 0), 20);
    return Number(row.reduce((sum, v, k) => sum + v * unit[k], offset[i]).toFixed(decimals)) || 0;
  });
}

/* Where a plane is in the words of a request: its middle's place along the axis that names it. */
export function positionOf(domain, plane, unit) {
  if (plane.frame === 'unit') return unit[plane.across];
  const middle = [0.5, 0.5, 0.5];
  middle[plane.across] = unit[plane.across];
  return sourceOf(domain, middle)[NAMES.indexOf(plane.name)];
}

/* Lengths of its sides in source units: [width, height]. */
export const sidesOf = (domain, plane) => [plane.column, plane.row].map((c) => lengthOf(columnOf(domain.source_from_unit.matrix, c)));

/* Its place (0…1 to the right and downwards) ↔ the unit coordinates of a point in it. */
const turn = (v, isMirrored) => (isMirrored ? 1 - v : v);
export const placeOf = (plane, unit) => [turn(unit[plane.column], plane.mirrored.column), turn(unit[plane.row], plane.mirrored.row)];
export function unitAt(plane, unit, [right, down]) {
  const moved = [...unit];
  moved[plane.column] = turn(right, plane.mirrored.column);
  moved[plane.row] = turn(down, plane.mirrored.row);
  return moved;
}

/* What stands at its edges: [left, right, top, bottom]; a patient's sides where the file tells them. */
export function edgesOf(domain, plane) {
  if (!isUpright(domain)) return [null, NAMES[plane.column], null, NAMES[plane.row]];
  const [left, right] = ENDS[followed(domain, plane.column)];
  const [bottom, top] = ENDS[followed(domain, plane.row)];
  return [left, right, top, bottom];
}

export function slicePath(field, plane, unit, [width, height], format) {
  const query = new URLSearchParams({ axis: plane.name, pos: positionOf(field.domain, plane, unit), width, height, format });
  if (plane.frame === 'unit') query.set('frame', 'unit');
  if (isUpright(field.domain)) query.set('orientation', 'upright');
  if (field.state === 'training') query.set('v', field.step);
  return `/v1/fields/${field.id}/slice?${query}`;
}

/* --- voxels --- */

/* How many along each voxel axis. */
export const countsOf = (domain) => [...domain.shape].slice(0, 3).reverse();

export const voxelOf = (u, n) => Math.min(Math.max(Math.floor(u * n), 0), n - 1);
export const unitOfVoxel = (i, n) => (Math.min(Math.max(i, 0), n - 1) + 0.5) / n;

/* By the first column. */
const determinant = (m) => (m.length === 1 ? m[0][0] : m.reduce((sum, row, i) => {
  const rest = m.filter((_, k) => k !== i).map((r) => r.slice(1));
  return sum + (i % 2 ? -1 : 1) * row[0] * determinant(rest);
}, 0));

/* unit = inverse(matrix) (source - offset), by Cramer's rule; in any number of dimensions. */
export function unitOf(domain, point) {
  const { matrix, offset } = domain.source_from_unit;
  const right = point.map((p, i) => p - offset[i]);
  const whole = determinant(matrix);
  return offset.map((_, axis) => determinant(matrix.map((row, i) => row.map((v, k) => (k === axis ? right[i] : v)))) / whole);
}
