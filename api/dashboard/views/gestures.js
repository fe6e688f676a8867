/* Hands on a picture that can be turned: a pointer, two fingers, a wheel, keys.
 *
 *   listenToHands(element, { turn(right, down), shift(right, down), nearer(factor), home(), point(x, y), away() })
 *
 * right and down are parts of the element's width; factor < 1 comes nearer; point: a place in it (0…1) that is only
 * looked at, away: no longer. */

const KEY_TURN = 0.05;
const KEY_NEARER = 1 / 1.15;
const WHEEL_LINE = 30; /* pixels */
const TAP = 4; /* pixels that a finger may slip */

const middleOf = (places) => [0, 1].map((i) => places.reduce((sum, p) => sum + p[i], 0) / places.length);
const spreadOf = ([a, b]) => Math.hypot(a[0] - b[0], a[1] - b[1]);

function listenToPointers(element, hands) {
  const held = new Map(); /* id of a pointer → its place */
  let way = 0; /* that has been gone since it was put down */
  const placeIn = (e) => {
    const box = element.getBoundingClientRect();
    return [(e.clientX - box.left) / box.width, (e.clientY - box.top) / box.height];
  };

  element.addEventListener('pointerdown', (e) => {
    if (e.button > 0 || held.size === 2) return;
    element.setPointerCapture(e.pointerId);
    held.set(e.pointerId, [e.clientX, e.clientY]);
    way = held.size === 1 ? 0 : Infinity;
  });
  element.addEventListener('pointermove', (e) => {
    if (!held.has(e.pointerId)) {
      if (e.pointerType !== 'touch') hands.point(...placeIn(e));
      return;
    }
    const width = element.getBoundingClientRect().width;
    const before = [...held.values()];
    held.set(e.pointerId, [e.clientX, e.clientY]);
    const after = [...held.values()];
    const [right, down] = middleOf(after).map((v, i) => (v - middleOf(before)[i]) / width);
    way += Math.hypot(right, down) * width;
    if (after.length === 2) {
      hands.nearer(spreadOf(before) / Math.max(spreadOf(after), 1));
      hands.shift(right, down);
    } else if (e.shiftKey) hands.shift(right, down);
    else hands.turn(right, down);
  });
  for (const type of ['pointerup', 'pointercancel']) element.addEventListener(type, (e) => {
    if (!held.delete(e.pointerId)) return;
    if (type === 'pointerup' && way <= TAP) hands.point(...placeIn(e));
  });
  element.addEventListener('pointerleave', () => hands.away());
}

function listenToKeys(element, hands) {
  const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  element.addEventListener('keydown', (e) => {
    if (e.ctrlKey || e.metaKey || e.altKey) return;
    if (moves[e.key]) {
      const [right, down] = moves[e.key].map((v) => v * KEY_TURN);
      if (e.shiftKey) hands.shift(right, down);
      else hands.turn(right, down);
    } else if (e.key === '+' || e.key === '=') hands.nearer(KEY_NEARER);
    else if (e.key === '-') hands.nearer(1 / KEY_NEARER);
    else if (e.key === '0') hands.home();
    else return;
    e.preventDefault();
  });
}

export function listenToHands(element, hands) {
  listenToPointers(element, hands);
  listenToKeys(element, hands);
  element.addEventListener('wheel', (e) => {
    if (e.ctrlKey) return; /* the browser's own zoom */
    e.preventDefault();
    hands.nearer(1.0015 ** (e.deltaY * (e.deltaMode === 1 ? WHEEL_LINE : 1)));
  }, { passive: false });
}
