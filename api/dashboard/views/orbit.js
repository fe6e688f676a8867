/* A shape or a scene, seen by a camera that can be moved around it: coarse frames while it moves, sharp ones when it
 * rests.  See pages/field.js for what a view is.  In the address: eye, target, up, fov (views/camera.js), output. */

import { el, problemPlace } from '/assets/dom.js';
import { get } from '/assets/api.js';
import { number } from '/assets/words.js';
import { commonUp, defaultCamera, distance, dolly, fromPose, fromQuery, nameOfUp, orbit, pan, toQuery, withUp } from '/assets/views/camera.js';
import { listenToHands } from '/assets/views/gestures.js';
import { makeRefiner } from '/assets/views/refine.js';
import { OUTPUTS, depthGradient, draw, fetchSight, lookAt, request } from '/assets/views/sights.js';
import { readStands } from '/assets/views/stands.js';

const FIRST_SIDE = 50; /* before it is known how fast a field is */
const COARSE_SIDE = 100;
const LEAST_SIDE = 24; /* of coarse frames of fields that are slow … */
const FRAME_MS = 180; /* … so that one takes no longer than this */
const SHARP_SIDE = 200;
const SHARP_MS = 20000;
const LARGEST_SIDE = 800;
const LARGEST_MS = 3000;
const HALF_TURN = 200; /* degrees that the picture's width stands for */

/* Sides of the three frames of one wish, by how long the one before took. */
function makeSides(canvas) {
  let coarse = FIRST_SIDE;
  let last = { side: FIRST_SIDE, ms: 0 };
  const afforded = (ms) => last.side * Math.sqrt(ms / last.ms);
  return {
    of(stage) {
      if (stage === 0) return coarse;
      if (stage === 1) return Math.max(Math.floor(Math.min(SHARP_SIDE, afforded(SHARP_MS))), LEAST_SIDE);
      const seen = canvas.clientWidth * devicePixelRatio;
      const side = Math.floor(Math.min(seen, afforded(LARGEST_MS), LARGEST_SIDE) / 20) * 20;
      return side > last.side ? side : null;
    },
    took(stage, side, ms) {
      last = { side, ms };
      if (stage === 0) coarse = Math.round(Math.min(Math.max(afforded(FRAME_MS), LEAST_SIDE), COARSE_SIDE));
    },
  };
}

/* "12 frames/s" over the last second. */
function makeFrameCount() {
  const times = [];
  return () => {
    const now = performance.now();
    times.push(now);
    while (times[0] < now - 1000) times.shift();
    return times.length;
  };
}

function switchOf(names, label, chosen, choose) {
  const buttons = Object.entries(names).map(([name, text]) => el('button', {
    type: 'button',
    'aria-pressed': String(name === chosen),
    onclick: (e) => {
      for (const b of buttons) b.setAttribute('aria-pressed', String(b === e.currentTarget));
      choose(name);
    },
  }, text));
  return el('div', { class: 'joined', role: 'group', 'aria-label': label }, buttons);
}

/* The cameras of the data, and what each of them saw where the file has pictures of their own.  choose(stand) */
function makeStandsControl(stands, choose, problem) {
  let k = 0;
  let url = null;
  const photo = el('img', { alt: '' });
  const figure = el('figure', { class: 'photo', hidden: true }, el('figcaption'), photo);
  async function step(by) {
    k = (k + by + stands.length) % stands.length;
    input.value = k + 1;
    const stand = stands[k];
    choose(stand);
    if (!stand.photo) return;
    try {
      const blob = await stand.photo();
      if (stand !== stands[k]) return;
      URL.revokeObjectURL(url);
      photo.src = url = URL.createObjectURL(blob);
      figure.firstChild.textContent = photo.alt = `The data’s picture ${k + 1}`;
      figure.hidden = false;
    } catch (error) {
      if (error.name !== 'AbortError') problem.say(error);
    }
  }
  const input = el('input', { type: 'number', min: 1, max: stands.length, value: 1, 'aria-label': 'Camera of the data, by its number', onchange: () => {
    k = Math.min(Math.max(Math.round(Number(input.value)) || 1, 1), stands.length) - 1;
    step(0);
  } });
  const control = el('div', { class: 'actions stands', role: 'group', 'aria-label': 'Cameras of the data' },
    el('span', {}, 'Data’s camera'),
    el('button', { type: 'button', 'aria-label': 'Previous camera', onclick: () => step(-1) }, '‹'), input,
    el('button', { type: 'button', 'aria-label': 'Next camera', onclick: () => step(1) }, '›'),
    el('span', { class: 'hint' }, `of ${stands.length}`),
    el('button', { type: 'button', onclick: () => step(0) }, 'Stand there'));
  return { control, figure, leave: () => (figure.hidden = true), close: () => URL.revokeObjectURL(url) };
}

function makeLegend(units) {
  const ends = [el('span'), el('span')];
  const bar = el('div', { class: 'depth-bar' });
  bar.style.background = depthGradient();
  const element = el('div', { class: 'depth-legend', hidden: true }, ends[0], bar, ends[1]);
  return {
    element,
    show(range) {
      element.hidden = !range;
      range?.forEach((t, i) => (ends[i].textContent = `${number(t, 4)} ${units}`));
    },
  };
}

export async function openView(place, { field: first, dataset, page, tell }) {
  let field = first;
  const stands = field.task === 'views' && dataset ? await readStands(dataset, page.signal) : null;
  const centre = [0, 1, 2].map((i) => (field.domain.bbox[i] + field.domain.bbox[i + 3]) / 2);
  const up = stands && commonUp(stands.map((s) => s.c2w));
  const poseOf = (stand) => fromPose(stand.c2w, stand.fov, centre, up);
  const home = stands ? poseOf(stands[0]) : defaultCamera(field, dataset);
  const reach = distance(defaultCamera(field, dataset));
  let camera = fromQuery(page.query) ?? home;
  let output = Object.hasOwn(OUTPUTS, page.query.get('output')) ? page.query.get('output') : 'color';
  let side = SHARP_SIDE; /* of the frame that is seen */

  const problem = problemPlace();
  const canvas = el('canvas', { tabIndex: 0, role: 'img', width: 1, height: 1, 'aria-label': 'What the camera sees. Arrow keys turn it around, with shift move it, plus and minus come nearer and go farther, 0 goes back.' });
  const said = el('p', { class: 'frame-words' });
  const legend = makeLegend(field.domain.units);
  const stage = el('div', { class: 'stage sight' }, canvas, said);
  const sides = makeSides(canvas);
  const count = makeFrameCount();

  const requestNow = () => request(field, camera, side, output);
  const refiner = makeRefiner({
    stages: 3,
    load: async (at, wish, signal) => {
      const wanted = sides.of(at);
      if (!wanted) return null;
      const began = performance.now();
      const sight = await fetchSight(field, wish.camera, wanted, wish.output, signal);
      sight.ms = performance.now() - began;
      sides.took(at, wanted, sight.ms);
      return sight;
    },
    show(at, wish, sight) {
      draw(canvas, sight);
      legend.show(wish.output === 'depth' ? sight.range : null);
      side = sight.side;
      canvas.dataset.stage = ['coarse', 'sharp', 'sharpest'][at];
      const frames = at === 0 && count();
      said.textContent = `${side} × ${side}, ${frames > 1 ? `${frames} frames/s` : `${number(sight.ms / 1000, 2)} s`}`;
      if (at > 0) settle();
    },
    fail: problem.say,
  });

  let hasMoved = fromQuery(page.query) !== null;
  function settle() {
    if (hasMoved) page.remember({ ...toQuery(camera), output: output === 'color' ? null : output });
    tell({ request: requestNow() });
  }

  /* What the data's camera saw is no longer what this one looks at. */
  function move(next, isStand = false) {
    camera = next;
    hasMoved = true;
    if (!isStand) standing?.leave();
    upwards.value = nameOfUp(camera) ?? '';
    refiner.want({ camera, output });
  }

  const looker = makeRefiner({
    stages: 1,
    load: async (_, { x, y }, signal) => {
      const seen = await lookAt(field, camera, x, y, signal);
      if (seen.point && field.task === 'shape') {
        const query = new URLSearchParams(seen.point.map((v, i) => ['xyz'[i], v]));
        seen.value = (await get(`/v1/fields/${field.id}/value?${query}`, { signal })).value;
      }
      return seen;
    },
    show(_, wish, { point, depth, opacity, colour, value }) {
      if (!point) return;
      const far = `${number(depth, 4)} ${field.domain.units} away`;
      const note = value ? far : `Value: the colour that is seen. ${far}, opacity ${number(opacity, 3)}.`;
      tell({ point, value: value ?? colour, note });
    },
    fail: () => {},
  });

  listenToHands(canvas, {
    turn: (right, down) => move(orbit(camera, -HALF_TURN * right, HALF_TURN * down)),
    shift: (right, down) => move(pan(camera, right, down)),
    nearer: (factor) => move(dolly(camera, factor, [0.01 * reach, 100 * reach])),
    home: () => move(home),
    point: (x, y) => looker.want({ x, y }),
    away: () => {},
  });

  const standing = stands && makeStandsControl(stands, (stand) => move(poseOf(stand), true), problem);
  const upwards = el('select', { onchange: () => upwards.value && move(withUp(camera, upwards.value)) },
    el('option', { value: '', hidden: true }, '–'), ['x', 'y', 'z'].map((name) => el('option', { value: name }, name)));
  upwards.value = nameOfUp(camera) ?? '';
  place.append(
    el('div', { class: 'actions view-tools' },
      switchOf(OUTPUTS, 'What is shown', output, (name) => {
        output = name;
        page.remember({ output: name === 'color' ? null : name });
        refiner.want({ camera, output });
      }),
      el('label', {}, 'Up ', upwards),
      el('button', { type: 'button', onclick: () => move(home) }, 'Back to the first view')),
    problem, el('div', { class: 'sights' }, el('div', {}, stage, legend.element), ...(standing ? [standing.figure] : [])),
    ...(standing ? [standing.control] : []),
    el('p', { class: 'hint' }, 'Drag to turn, shift and drag to move, wheel to come nearer; by keys: arrows, shift and arrows, + and −, 0.'));
  refiner.want({ camera, output });

  return {
    state: () => ({
      request: requestNow(),
      downloads: [
        { text: 'PNG, 800 × 800', file: `${output}.png`, request: request(field, camera, 800, output) },
        { text: 'NPZ of all', file: 'view.npz', request: request(field, camera, 400, Object.keys(OUTPUTS), 'npz') },
      ],
    }),
    update(newer) {
      field = newer;
      refiner.want({ camera, output }, 1);
    },
    close() {
      refiner.close();
      looker.close();
      standing?.close();
    },
  };
}
