/* A place in a picture, chosen on a small map of it: drag the frame, or use the keys; zoom by the slider.
 *
 *   const region = makeRegion({ at: [x, y, zoom] (of the middle, in parts of the whole; null: not given), onChange })
 *   region.element, region.show(bitmap), region.box() → [x0, y0, x1, y1] in parts of the whole */

import { el } from '/assets/dom.js';
import { number } from '/assets/words.js';

const MOST = 32;
const MAP = 220; /* pixels, the longer side */

export function makeRegion({ at: [x, y, zoom], onChange }) {
  const clamp = (v, low, high) => Math.min(Math.max(v, low), high);
  const usable = (v, otherwise) => (v !== null && Number.isFinite(v) ? v : otherwise);
  const place = { x: usable(x, 0.5), y: usable(y, 0.5), zoom: clamp(usable(zoom, 1), 1, MOST) };
  const canvas = el('canvas', { 'aria-hidden': 'true' });
  const frame = el('span', { class: 'region-frame' });
  const map = el('div', { class: 'region-map', tabIndex: 0, role: 'application', 'aria-label': 'Region: arrow keys move it, plus and minus zoom, 0 shows the whole' }, canvas, frame);
  const slider = el('input', { type: 'range', min: 0, max: Math.log2(MOST), step: 0.5, oninput: () => move({ zoom: 2 ** Number(slider.value) }) });
  const told = el('output', {});
  const element = el('div', { class: 'region' }, map, el('label', {}, 'Zoom ', slider, ' ', told));

  const half = () => 0.5 / place.zoom;

  function box() {
    return [place.x - half(), place.y - half(), place.x + half(), place.y + half()];
  }

  function settle() {
    place.x = clamp(place.x, half(), 1 - half());
    place.y = clamp(place.y, half(), 1 - half());
    const [x0, y0] = box();
    Object.assign(frame.style, { left: `${100 * x0}%`, top: `${100 * y0}%`, width: `${100 / place.zoom}%`, height: `${100 / place.zoom}%` });
    slider.value = Math.log2(place.zoom);
    told.textContent = `${number(place.zoom, 2)}×`;
    slider.setAttribute('aria-valuetext', told.textContent);
  }

  function move(changes) {
    Object.assign(place, changes);
    place.zoom = clamp(place.zoom, 1, MOST);
    settle();
    onChange({ ...place });
  }

  function toPointer(e) {
    const r = canvas.getBoundingClientRect();
    move({ x: (e.clientX - r.left) / r.width, y: (e.clientY - r.top) / r.height, zoom: place.zoom === 1 ? 4 : place.zoom });
  }

  map.addEventListener('pointerdown', (e) => {
    map.setPointerCapture(e.pointerId);
    toPointer(e);
  });
  map.addEventListener('pointermove', (e) => map.hasPointerCapture(e.pointerId) && toPointer(e));
  map.addEventListener('wheel', (e) => {
    e.preventDefault();
    move({ zoom: place.zoom * 2 ** (e.deltaY < 0 ? 0.5 : -0.5) });
  }, { passive: false });
  map.addEventListener('keydown', (e) => {
    const step = half() / 4;
    const moves = {
      ArrowLeft: { x: place.x - step }, ArrowRight: { x: place.x + step }, ArrowUp: { y: place.y - step }, ArrowDown: { y: place.y + step },
      '+': { zoom: place.zoom * Math.SQRT2 }, '=': { zoom: place.zoom * Math.SQRT2 }, '-': { zoom: place.zoom / Math.SQRT2 }, 0: { zoom: 1 },
    };
    if (!moves[e.key] || e.ctrlKey || e.metaKey || e.altKey) return;
    e.preventDefault();
    move(moves[e.key]);
  });

  settle();
  return {
    element,
    box,
    show(bitmap) {
      const scale = MAP / Math.max(bitmap.width, bitmap.height);
      canvas.width = Math.max(1, Math.round(bitmap.width * scale));
      canvas.height = Math.max(1, Math.round(bitmap.height * scale));
      canvas.getContext('2d').drawImage(bitmap, 0, 0, canvas.width, canvas.height);
      settle();
    },
  };
}
