/* A volume by three linked slices: a crosshair moved in one moves the two others.  See pages/field.js for what a view
 * is.  In the address: x, y, z (source coordinates of the crosshair), plane, low, high, channel; of=data: the data's own
 * voxels. */

import { get, getArray } from '/assets/api.js';
import { actionButton, el, problemPlace } from '/assets/dom.js';
import { number } from '/assets/words.js';
import { countsOf, edgesOf, followed, placeOf, planesOf, sidesOf, slicePath, sourceOf, unitAt, unitOf, unitOfVoxel, voxelOf } from '/assets/views/planes.js';
import { canRead, readOriginal } from '/assets/views/original.js';
import { makeRefiner } from '/assets/views/refine.js';
import { makeWindow } from '/assets/views/window.js';

const COARSE_SIDE = 80;
const LARGEST_SIDE = 640;
const SURE_SIDE = 256; /* that sharp slices have, however slow a field is; beyond it they take … */
const PATIENCE_MS = 4000; /* … no longer than this */
const WHEEL_PIXELS = 40; /* that a step takes */
const NARROW = '(max-width: 40rem)'; /* as in style/space.css */
const FAR_KEYS = 10; /* voxels, with shift */

const clamp = (v) => Math.min(Math.max(v, 0), 1);
const numberOf = (text) => (text === null || text.trim() === '' ? NaN : Number(text));

/* Where the address says, else the middle. */
function firstUnit(domain, query) {
  const source = ['x', 'y', 'z'].map((key) => numberOf(query.get(key)));
  if (!source.every(Number.isFinite)) return [0.5, 0.5, 0.5];
  return unitOf(domain, source).map(clamp);
}

/* Whole pixels of a side, the longer one as long as asked. */
function sizeOf([width, height], longest) {
  const s = longest / Math.max(width, height);
  return [width, height].map((v) => Math.max(1, Math.round(v * s)));
}

/* --- a slice --- */

/* original(): the data's own voxels where they are shown, else null.  hands: { move(unit), look(unit or null), step(axis, voxels), home(), active(plane) } */
function makePane(field, plane, unitNow, paintArray, original, hands, problem) {
  const { domain } = field;
  const counts = countsOf(domain);
  const sides = sidesOf(domain, plane);
  const name = ['x', 'y', 'z'][followed(domain, plane.across)];
  const canvas = el('canvas', { tabIndex: 0, role: 'img', width: 1, height: 1, 'data-axis': name });
  canvas.style.aspectRatio = `${sides[0]} / ${sides[1]}`;
  const [upright, level] = [el('i', { class: 'line upright' }), el('i', { class: 'line level' })];
  const edges = edgesOf(domain, plane).map((text, i) => text && el('b', { class: `edge ${['left', 'right', 'top', 'bottom'][i]}`, 'aria-hidden': 'true' }, text));
  const element = el('div', { class: 'plane stage', 'data-plane': name }, el('div', { class: 'frame' }, canvas, upright, level, edges));
  let array = null;

  const paint = () => {
    if (!array) return;
    const pixels = paintArray(array);
    canvas.width = pixels.width;
    canvas.height = pixels.height;
    canvas.getContext('2d').putImageData(pixels, 0, 0);
  };

  let msPerPoint = 0;
  const longestSeen = () => Math.max(canvas.clientWidth, canvas.clientHeight) * devicePixelRatio;
  const longestOf = (stage) => {
    if (stage === 0) return COARSE_SIDE;
    const afforded = Math.max(Math.sqrt(PATIENCE_MS / msPerPoint), SURE_SIDE);
    return Math.min(Math.max(longestSeen(), COARSE_SIDE), LARGEST_SIDE, afforded);
  };
  const refiner = makeRefiner({
    stages: 2,
    async load(stage, { field, unit }, signal) {
      if (original()) return stage === 0 ? original().slice(plane, unit) : null;
      const began = performance.now();
      const loaded = await getArray(slicePath(field, plane, unit, sizeOf(sides, longestOf(stage)), 'npy'), { signal });
      msPerPoint = (performance.now() - began) / (loaded.shape[0] * loaded.shape[1]);
      return loaded;
    },
    show(stage, wish, loaded) {
      array = loaded;
      paint();
      canvas.dataset.stage = stage === 0 && !original() ? 'coarse' : 'sharp';
      canvas.classList.toggle('voxels', original() !== null);
    },
    fail: problem.say,
  });

  listenInPane(canvas, plane, unitNow, counts, hands);
  let shownAt = null;
  return {
    element,
    plane,
    name,
    paint,
    sizeSeen: () => sizeOf(sides, longestOf(1)),
    canvas,
    showCross(unit, words) {
      const [right, down] = placeOf(plane, unit);
      upright.style.left = `${100 * right}%`;
      level.style.top = `${100 * down}%`;
      canvas.setAttribute('aria-label', `Slice at ${words}. Arrow keys move the crosshair, page up and page down go through the slices, 0 to the middle.`);
    },
    array: () => array,
    load(field, unit, isForced, stage) {
      const isSeen = canvas.clientWidth > 0;
      if (isSeen && !isForced && shownAt === unit[plane.across]) return;
      shownAt = isSeen ? unit[plane.across] : null;
      if (!isSeen) return;
      refiner.want({ field, unit }, stage);
    },
    close: () => refiner.close(),
  };
}

function listenInPane(canvas, plane, unitNow, counts, hands) {
  const at = (e) => {
    const box = canvas.getBoundingClientRect();
    return unitAt(plane, unitNow(), [clamp((e.clientX - box.left) / box.width), clamp((e.clientY - box.top) / box.height)]);
  };
  let isHeld = false;
  canvas.addEventListener('pointerdown', (e) => {
    if (e.button > 0) return;
    isHeld = true;
    canvas.setPointerCapture(e.pointerId);
    hands.active(plane);
    hands.move(at(e));
  });
  canvas.addEventListener('pointermove', (e) => (isHeld ? hands.move(at(e)) : hands.look(at(e))));
  for (const type of ['pointerup', 'pointercancel']) canvas.addEventListener(type, () => (isHeld = false));
  canvas.addEventListener('pointerleave', () => hands.look(null));
  canvas.addEventListener('focus', () => hands.active(plane));

  let turned = 0;
  canvas.addEventListener('wheel', (e) => {
    if (e.ctrlKey) return;
    e.preventDefault();
    turned += e.deltaMode === 0 ? e.deltaY : Math.sign(e.deltaY) * WHEEL_PIXELS;
    const steps = Math.trunc(turned / WHEEL_PIXELS);
    turned -= steps * WHEEL_PIXELS;
    if (steps) hands.step(plane.across, -steps);
  }, { passive: false });

  canvas.addEventListener('keydown', (e) => {
    if (e.ctrlKey || e.metaKey || e.altKey) return;
    const far = e.shiftKey ? FAR_KEYS : 1;
    const within = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[e.key];
    const through = { PageUp: 1, PageDown: -1, '+': 1, '=': 1, '-': -1 }[e.key];
    if (within) {
      const [right, down] = placeOf(plane, unitNow());
      hands.move(unitAt(plane, unitNow(), [clamp(right + (far * within[0]) / counts[plane.column]), clamp(down + (far * within[1]) / counts[plane.row])]));
    } else if (through) hands.step(plane.across, far * through);
    else if (e.key === '0') hands.home();
    else return;
    e.preventDefault();
  });
}

/* --- controls --- */

/* A slider along a voxel axis, towards larger source coordinates. */
function makeAxisSlider(domain, axis, go) {
  const n = countsOf(domain)[axis];
  const source = followed(domain, axis);
  const leadsUp = domain.source_from_unit.matrix[source][axis] > 0;
  const turn = (i) => (leadsUp ? i : n - 1 - i);
  const out = el('span', { class: 'mono', 'aria-hidden': 'true' });
  const input = el('input', { type: 'range', min: 0, max: n - 1, step: 1, 'data-axis': 'xyz'[source], oninput: () => go(axis, unitOfVoxel(turn(Number(input.value)), n)) });
  return {
    source,
    element: el('label', { class: 'slider' }, el('span', {}, 'xyz'[source], ' ', out), input),
    words: '',
    show(unit) {
      const i = voxelOf(unit[axis], n);
      input.value = turn(i);
      const place = number(sourceOf(domain, unit)[source], 5);
      this.words = domain.units === 'mm' ? `${'xyz'[source]} ${place} mm, voxel ${i} of 0…${n - 1}` : `${'xyz'[source]} ${place}, voxel ${i} of 0…${n - 1}`;
      out.textContent = this.words.slice(2);
      input.setAttribute('aria-valuetext', out.textContent);
    },
  };
}

/* Which slices are seen; on a narrow screen there is room for one. */
function makeTabs(names, choose) {
  const buttons = ['all', ...names].map((name) => el('button', {
    type: 'button',
    class: name === 'all' ? 'only-wide' : null,
    'data-name': name,
    onclick: () => show(name),
  }, name === 'all' ? 'All three' : `Across ${name}`));
  function show(name) {
    for (const b of buttons) b.setAttribute('aria-pressed', String(b.dataset.name === name));
    choose(name);
  }
  return { element: el('div', { class: 'joined', role: 'group', 'aria-label': 'Slices' }, buttons), show };
}

/* --- the view --- */

export async function openView(place, { field: first, dataset, page, tell }) {
  let field = first;
  const { domain } = field;
  const planes = planesOf(domain);
  const counts = countsOf(domain);
  const hasFileNumbers = field.task === 'volume' && dataset?.info.value_range;
  let unit = firstUnit(domain, page.query);
  let active = planes[2];
  let original = null;
  let isOriginal = false; /* what is shown */

  const problem = problemPlace();
  const levels = makeWindow({
    channels: field.n_outputs,
    range: hasFileNumbers ? dataset.info.value_range : null,
    low: numberOf(page.query.get('low') ?? '0'),
    high: numberOf(page.query.get('high') ?? '1'),
    arrays: () => panes.map((p) => p.array()).filter(Boolean),
    channel: page.query.get('channel'),
    change: () => {
      for (const pane of panes) pane.paint();
      const { low, high, channel } = levels.state();
      page.remember({ low: low === 0 ? null : low, high: high === 1 ? null : high, channel: field.n_outputs > 1 ? channel : null });
    },
  });

  function noteOf(value, at) {
    if (!hasFileNumbers) return '';
    const [least, most] = dataset.info.value_range;
    const inFile = (values) => values.map((v) => number(least + v * (most - least), 5)).join(', ');
    const ofData = original ? ` The voxel there has ${inFile(original.at(at))}.` : '';
    return `In the file’s own numbers: ${inFile(value)}.${ofData}`;
  }

  /* The value at what is pointed at, else at the crosshair. */
  const asker = makeRefiner({
    stages: 1,
    async load(_, { field, point }, signal) {
      const query = new URLSearchParams(point.map((v, i) => ['xyz'[i], v]));
      return get(`/v1/fields/${field.id}/value?${query}`, { signal });
    },
    show(_, { point, at }, { value }) {
      tell({ point, value, note: noteOf(value, at) });
    },
    fail: problem.say,
  });
  function ask(at) {
    const point = sourceOf(domain, at);
    tell({ point, value: null });
    asker.want({ field, point, at });
  }

  let remembering = null;
  function move(next, isForced = false, stage = 0) {
    unit = next.map(clamp);
    for (const slider of sliders) slider.show(unit);
    for (const pane of panes) {
      pane.showCross(unit, sliders.find((s) => s.source === followed(domain, pane.plane.across)).words);
      pane.load(field, unit, isForced, stage);
    }
    ask(unit);
    clearTimeout(remembering);
    remembering = setTimeout(settle, 200);
  }
  let hasMoved = page.query.has('x');
  function settle() {
    if (hasMoved) page.remember(Object.fromEntries(sourceOf(domain, unit).map((v, i) => ['xyz'[i], v])));
    tell({ request: requestNow() });
  }

  const go = (axis, u) => {
    hasMoved = true;
    move(unit.map((v, k) => (k === axis ? u : v)));
  };
  const hands = {
    move(next) {
      hasMoved = true;
      move(next);
    },
    look: (at) => ask(at ?? unit),
    step(axis, voxels) {
      const upwards = domain.source_from_unit.matrix[followed(domain, axis)][axis] > 0 ? 1 : -1;
      go(axis, unitOfVoxel(voxelOf(unit[axis], counts[axis]) + upwards * voxels, counts[axis]));
    },
    home: () => hands.move([0.5, 0.5, 0.5]),
    active: (plane) => (active = plane),
  };

  const panes = planes.map((plane) => makePane(field, plane, () => unit, (array) => levels.paint(array), () => (isOriginal ? original : null), hands, problem));
  const sliders = [0, 1, 2].map((axis) => makeAxisSlider(domain, axis, go)).sort((a, b) => a.source - b.source);
  const paneOf = (plane) => panes[planes.indexOf(plane)];
  const requestNow = () => ({ method: 'GET', path: slicePath(field, active, unit, paneOf(active).sizeSeen(), 'png') });

  const tools = el('div', { class: 'volume-tools' },
    el('div', { class: 'card', role: 'group', 'aria-label': 'Crosshair' }, sliders.map((s) => s.element)),
    el('div', { class: 'card', role: 'group', 'aria-label': 'Brightness' }, levels.element));
  const stage = el('div', { class: 'planes' }, panes[1].element, panes[0].element, panes[2].element, tools);
  arrange(stage, domain, panes);
  const names = panes.map((p) => p.name);
  const tabs = makeTabs([...names].sort(), (name) => {
    stage.dataset.shown = name;
    page.remember({ plane: name === 'all' ? null : name });
    if (name !== 'all') active = panes[names.indexOf(name)].plane;
  });
  const showOriginal = async (wanted) => {
    original ??= await readOriginal(dataset, page.signal);
    isOriginal = wanted;
    switcher.setAttribute('aria-pressed', String(isOriginal));
    page.remember({ of: isOriginal ? 'data' : null });
    move(unit, true);
  };
  const switcher = actionButton('The data’s own voxels', problem, () => showOriginal(!isOriginal), { 'aria-pressed': 'false' });
  place.append(el('div', { class: 'actions view-tools' }, tabs.element, canRead(dataset) && hasFileNumbers ? switcher : ''), problem, stage,
    el('p', { class: 'hint' }, 'Click or drag in a slice to move the two others, wheel to go through it; by keys: arrows, page up and page down, 0.'));
  const wanted = page.query.get('plane');
  tabs.show(names.includes(wanted) ? wanted : matchMedia(NARROW).matches ? 'z' : 'all');

  if (page.query.get('of') === 'data' && canRead(dataset) && hasFileNumbers) showOriginal(true).catch((error) => error.name === 'AbortError' || problem.say(error));

  /* What comes into view, or becomes larger, gets its pixels. */
  const observer = new ResizeObserver(() => move(unit, true));
  for (const pane of panes) observer.observe(pane.canvas);

  return {
    state: () => ({
      request: requestNow(),
      downloads: panes.map((p) => ({ text: `${p.name} slice, NPY`, file: `${p.name}.npy`, request: { method: 'GET', path: slicePath(field, p.plane, unit, p.sizeSeen(), 'npy') } })),
    }),
    update(newer) {
      field = newer;
      move(unit, true, isOriginal ? 0 : 1);
    },
    close() {
      observer.disconnect();
      clearTimeout(remembering);
      asker.close();
      for (const pane of panes) pane.close();
    },
  };
}

/* Side by side in one scale: what lies across y and x share their rows, what lies across y and z their columns. */
function arrange(stage, domain, panes) {
  const [wide] = sidesOf(domain, panes[1].plane);
  const [deep] = sidesOf(domain, panes[0].plane);
  stage.style.gridTemplateColumns = `minmax(0, ${wide}fr) minmax(15rem, ${deep}fr)`;
}
