/* The field while it learns, as a small picture that follows its snapshots, beside the data.
 *
 *   const live = makeLivePicture({ job, dataset, gain, onGain, signal })     dataset: null where it is gone
 *   live.snapshot(version, trained)    the field has changed: painted when parts/pace.js says so
 *   live.final(version)                it will not change any more: painted at once
 *   live.look()                        is anything due? (time has passed, the window is seen again)
 */

import { fetchBytes, get, getArray, showPicture } from '/assets/api.js';
import { el, problemPlace } from '/assets/dom.js';
import { count } from '/assets/words.js';
import { makeChart } from '/assets/parts/chart.js';
import { dataPicture } from '/assets/parts/data_picture.js';
import { makeErrorMap } from '/assets/parts/error_map.js';
import { lookOfJob, smallPicturePath } from '/assets/parts/looks.js';
import { Pace } from '/assets/parts/pace.js';
import { defaultCamera, toRequest } from '/assets/views/camera.js';

const SIDE = 384; /* pixels of a picture's longer side */
const WINDOW = 256; /* of the error map's, where not everything is compared */
const WHOLE = 512 * 512; /* as many pixels of data are compared as a whole */
const STILL = 128; /* of what a camera sees */
const MOST_SAMPLES = 1024; /* of a signal */

/* --- pictures --- */

/* Where the error is mapped: everything, or a window in the middle. */
function partOf({ width, height }) {
  if (width * height <= WHOLE) return { x: 0, y: 0, width, height, isAll: true };
  const [w, h] = [Math.min(width, WINDOW), Math.min(height, WINDOW)];
  return { x: (width - w) >> 1, y: (height - h) >> 1, width: w, height: h, isAll: false };
}

/* Values 0…1 as pixels. */
function paintArray(canvas, { shape: [height, width, n = 1], data }) {
  canvas.width = width;
  canvas.height = height;
  const g = canvas.getContext('2d');
  const image = g.createImageData(width, height);
  const takes = { 1: [0, 0, 0], 2: [0, 0, 0, 1], 3: [0, 1, 2], 4: [0, 1, 2, 3] }[n];
  for (let i = 0; i < width * height; i++) {
    image.data[4 * i + 3] = 255;
    takes.forEach((from, c) => (image.data[4 * i + c] = Math.round(255 * data[i * n + from])));
  }
  g.putImageData(image, 0, 0);
}

async function paintBlob(canvas, response) {
  const bitmap = await createImageBitmap(await response.blob());
  canvas.width = bitmap.width;
  canvas.height = bitmap.height;
  canvas.getContext('2d').drawImage(bitmap, 0, 0);
  bitmap.close();
}

/* A picture whose error can be mapped is asked for as numbers, once for both; a large one as a small picture, and its
 * middle as numbers. */
function pictures({ job, dataset, gain, onGain, signal, canvas }) {
  const path = `/v1/fields/${job.field_id}/image`;
  const part = job.task === 'image' && dataset ? partOf(dataset.info) : null;
  const title = part?.isAll ? 'Error, |field − data|' : `Error in the middle ${count(part?.width)} × ${count(part?.height)} pixels`;
  const map = part && makeErrorMap({ title, gain, onGain, size: part });
  let data = null;

  async function mapErrors(v) {
    const query = new URLSearchParams({ format: 'npy', width: part.width, height: part.height, v });
    if (!part.isAll) query.set('bbox', [part.x, part.y, part.x + part.width, part.y + part.height].join());
    const values = await getArray(`${path}?${query}`, { signal });
    map.show(values, data);
    return values;
  }

  const size = dataset?.info?.width ? Math.min(1, SIDE / Math.max(dataset.info.width, dataset.info.height ?? dataset.info.width)) * dataset.info.width : SIDE;
  return {
    beside: map ? [map.element] : [],
    async prepare() {
      if (!map || data) return;
      data = await dataPicture(dataset, part, signal).catch((error) => {
        if (error instanceof TypeError || error.status >= 429) throw error; /* not reached, busy: it can be had later */
        return null; /* nothing to compare with */
      });
      map.element.hidden = !data;
    },
    async paint(v) {
      if (part?.isAll && data) {
        paintArray(canvas, await mapErrors(v));
        return;
      }
      await paintBlob(canvas, await fetchBytes(smallPicturePath(job.field_id, 'picture', Math.max(1, Math.round(size)), v), { signal }));
      if (data) await mapErrors(v);
    },
  };
}

/* --- volumes, shapes, scenes --- */

function volumes({ job, dataset, signal, canvas }) {
  const width = Math.min(SIDE / 1.5, dataset?.info?.width ?? STILL);
  return {
    beside: [],
    paint: async (v) => paintBlob(canvas, await fetchBytes(smallPicturePath(job.field_id, 'volume', width, v), { signal })),
  };
}

function spaces({ job, dataset, signal, canvas }) {
  let camera = null;
  return {
    beside: [],
    async paint() {
      camera ??= toRequest(defaultCamera(await get(`/v1/fields/${job.field_id}`, { signal }), dataset));
      const body = JSON.stringify({ camera, width: STILL, height: STILL });
      const response = await fetchBytes(`/v1/fields/${job.field_id}/render`, {
        method: 'POST', body, signal, headers: { 'Content-Type': 'application/json' },
      });
      await paintBlob(canvas, response);
    },
  };
}

/* --- signals --- */

function signals({ job, dataset, signal }) {
  const chart = makeChart({ title: 'The field over the data', x: {}, y: {}, height: 260, last: false });
  const n = dataset?.info?.n_samples ?? MOST_SAMPLES;
  const some = Math.min(n, MOST_SAMPLES);
  const at = Float32Array.from({ length: some }, (_, i) => Math.floor((i * n) / some) / n);
  let data = null;

  /* The first channel. */
  const line = (values, channels, every) => Array.from(at, (x, i) => [x, values[(every ? Math.round(x * n) : i) * channels]]);

  async function learnData() {
    const array = dataset ? await getArray(`/v1/datasets/${dataset.id}/content`, { signal }).catch(() => null) : null;
    return array ? [{ name: 'data', points: line(array.data, array.shape[1] ?? 1, true), colour: 6 }] : [];
  }

  return {
    beside: [],
    chart,
    async prepare() {
      data ??= await learnData();
    },
    async paint() {
      const response = await fetchBytes(`/v1/fields/${job.field_id}/query?frame=unit`, {
        method: 'POST', body: at, signal, headers: { 'Content-Type': 'application/octet-stream', Accept: 'application/octet-stream' },
      });
      const values = new Float32Array(await response.arrayBuffer());
      chart.draw([...data, { name: 'field', points: line(values, values.length / some, false), colour: 1 }]);
    },
  };
}

const PAINTERS = { picture: pictures, volume: volumes, space: spaces, signal: signals };

/* --- the part --- */

const ORIGINALS = { sinogram: 'Data: the sinogram', kspace: 'Data: measured frequencies', volume: 'Data, the middle slice', views: 'Data: some of the views', shape: 'Data: the mesh' };

function original(dataset, signal) {
  if (!dataset || dataset.kind === 'signal') return null;
  const img = el('img', { class: 'still', alt: 'The data' });
  const width = Math.min(SIDE, Math.max(16, dataset.info?.width ?? SIDE));
  showPicture(img, `/v1/datasets/${dataset.id}/preview?width=${width}`, { signal }).catch(() => {}); /* a blank place says it */
  return el('figure', { class: 'look' }, el('figcaption', {}, ORIGINALS[dataset.kind] ?? 'Original'), img);
}

export function makeLivePicture(given) {
  const { job, dataset, signal } = given;
  
  const canvas = el('canvas', { class: 'still', role: 'img', 'aria-label': 'The field: not shown yet' });
  canvas.width = dataset?.info?.width ?? STILL; /* its place has the right shape from the beginning */
  canvas.height = dataset?.info?.height ?? canvas.width;
  const painter = PAINTERS[lookOfJob(job, dataset)]({ ...given, canvas });
  const problem = problemPlace();
  const caption = el('span', {}, 'The field');
  const now = el('button', { type: 'button', class: 'plain', title: 'Show the last snapshot now', hidden: true, onclick: () => paint() }, 'Now');
  const pace = new Pace();
  let newest = null; /* { version, trained } */
  let shown = null;
  let isBusy = false;

  async function paint() {
    if (isBusy || !newest || newest.version === shown) return;
    isBusy = true;
    const { version, trained, name, isFinal } = newest;
    let began = performance.now();
    try {
      await painter.prepare?.();
      began = performance.now(); /* what is asked for only once does not count */
      await painter.paint(version);
      pace.spent((performance.now() - began) / 1000, trained);
      shown = version;
      caption.textContent = `The field, ${name}`;
      canvas.setAttribute('aria-label', `The field, ${name}`);
      problem.say(null);
    } catch (error) {
      if (signal.aborted) return;
      /* Not there yet (409), busy, or no connection: the next snapshot comes, and the last one is asked for again. */
      const mayCome = !error.status || error.status === 409 || error.status === 429 || error.status >= 500;
      if (!mayCome) problem.say(error);
      if (mayCome && isFinal) setTimeout(paint, 3000);
    }
    isBusy = false;
    now.hidden = newest.version === shown;
    if (newest.isFinal && newest.version !== version) paint();
  }

  function look() {
    if (!document.hidden && newest && !isBusy && newest.version !== shown && (newest.isFinal || pace.isDue(newest.trained))) paint();
  }

  const figure = el('figure', { class: `look field-look${painter.chart ? ' whole-row' : ''}` },
    el('figcaption', { class: 'with-button' }, caption, now), painter.chart ? painter.chart.element : canvas, problem);
  return {
    element: el('section', { class: 'looks', 'aria-label': 'The field beside the data' }, figure, original(dataset, signal), painter.beside),
    snapshot(version, trained) {
      newest = { version, trained, name: `step ${count(Number(version))}` };
      now.hidden = newest.version === shown;
      look();
    },
    final(version) {
      newest = { version: `final-${version}`, trained: 0, name: `step ${count(version)}`, isFinal: true };
      look();
    },
    look,
    close: () => painter.chart?.close(),
  };
}
