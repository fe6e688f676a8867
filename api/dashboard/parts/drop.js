/* The place to drop a file: anywhere on the page, or chosen by keyboard.  NumPy files are asked for their kind; then the
 * upload is shown and may be stopped, and a refusal is told here, in words.
 *
 *   const drop = makeDrop(page, uploaded)   uploaded(dataset) is called when the service has taken the file
 *   drop.element
 *   drop.take([file])                       as if it had been dropped */

import { get, upload } from '/assets/api.js';
import { el, facts, problemPlace } from '/assets/dom.js';
import { bytes } from '/assets/words.js';
import { sniff } from '/assets/parts/numpy_kind.js';

const ACCEPTED = '.png,.jpg,.jpeg,.npy,.npz,.nii,.gz,.nrrd,.obj,.ply,.stl,.off,.zip';
const FORMATS = [
  ['Pictures', 'PNG, JPEG, NPY'], ['Volumes', 'NIfTI, NRRD, NPY'], ['Meshes', 'OBJ, PLY, STL, OFF'], ['Posed views', 'ZIP, NPZ'],
  ['Sinograms, k-space', 'NPZ'], ['Signals', 'NPY'],
];
const LONGEST_NAME = 128; /* bytes */

let limit = null; /* bytes of an upload, once the service has told */

async function learnLimit() {
  try {
    limit ??= (await get('/v1/service')).limits.upload_bytes;
  } catch {
    /* then it says so when the file comes */
  }
}

/* A name as the service takes one: printable, and not too long. */
function usableName(name) {
  let text = name.replace(/\p{C}/gu, '').trim();
  while (new TextEncoder().encode(text).length > LONGEST_NAME) text = [...text].slice(0, -1).join('');
  return text;
}

const tooLarge = (file) => new Error(`'${file.name}' has ${bytes(file.size)}; this service takes at most ${bytes(limit)}.`);

/* What cannot be sent, and why; null where all is well. */
function refusal(files, entries) {
  if (files.length > 1) return 'One file at a time, please. Pictures of a scene go together into one ZIP with their transforms.json.';
  if (entries.some((e) => e?.isDirectory)) return 'That is a folder. Views of a scene can be sent as one ZIP of the folder.';
  if (!files.length) return 'There was no file in what was dropped.';
  return null;
}

export function makeDrop(page, uploaded) {
  const problem = problemPlace();
  const input = el('input', { type: 'file', id: 'drop-file', class: 'visually-hidden', accept: ACCEPTED });
  const asking = el('div', { class: 'drop-idle' },
    el('p', { class: 'drop-word' }, 'Drop a file anywhere on this page'),
    input, el('label', { for: 'drop-file', class: 'button drop-choose' }, 'or choose one'),
    facts(FORMATS, 'drop-kinds'));
  const work = el('div', { class: 'drop-work' });
  const state = el('p', { class: 'visually-hidden', role: 'status' });
  const place = el('section', { class: 'drop card', id: 'drop', 'aria-label': 'Upload a file' }, asking, work, state, problem);

  let isBusy = false; /* from the first look at a file until it is there or refused */
  async function busily(act) {
    isBusy = true;
    try {
      await act();
    } finally {
      isBusy = false;
    }
  }

  function show(...children) {
    asking.hidden = children.length > 0;
    work.replaceChildren(...children);
  }

  function refuse(error) {
    show();
    state.textContent = '';
    problem.say(error);
    input.focus();
  }

  /* --- which kind --- */

  function askKind(file, found) {
    const radio = ({ kind, expects }) => el('label', { class: 'drop-kind' },
      el('input', { type: 'radio', name: 'kind', value: kind, required: true, checked: kind === found.likely }),
      el('span', {}, el('b', {}, kind), ' ', el('span', { class: 'hint' }, expects)));
    const form = el('form', {
      onsubmit: (e) => {
        e.preventDefault();
        if (!isBusy) busily(() => send(file, new FormData(form).get('kind')));
      },
    },
    el('fieldset', {},
      el('legend', {}, `What is ${file.name}?`),
      found.says && el('p', { class: 'hint' }, found.format === 'npy' ? `An array, ${found.says}.` : `Arrays in it: ${found.says}.`),
      found.kinds.map(radio)),
    el('div', { class: 'actions' },
      el('button', { type: 'submit', class: 'main' }, 'Upload'),
      el('button', { type: 'button', onclick: () => { show(); input.focus(); } }, 'Another file')));
    show(form);
    (form.querySelector('input:checked') ?? form.querySelector('input')).focus();
  }

  /* --- on its way --- */

  async function send(file, kind) {
    await learnLimit();
    if (page.signal.aborted) return;
    if (limit !== null && file.size > limit) return refuse(tooLarge(file));
    const end = new AbortController();
    page.onLeave(() => end.abort());
    const bar = el('progress', { max: 1, value: 0, 'aria-label': 'Uploaded' });
    const words = el('p', { class: 'hint' }, `0 of ${bytes(file.size)}`);
    const stop = el('button', { type: 'button', onclick: () => end.abort() }, 'Stop');
    show(el('p', { class: 'drop-word' }, file.name), bar, el('div', { class: 'drop-line' }, words, stop));
    stop.focus();
    state.textContent = `Uploading ${file.name}`;
    const tell = (part) => {
      bar.value = part;
      words.textContent = part < 1 ? `${bytes(Math.round(part * file.size))} of ${bytes(file.size)}` : 'Uploaded; the service reads it …';
      if (part === 1) state.textContent = words.textContent;
    };
    const name = usableName(file.name);
    const query = new URLSearchParams({ ...(kind ? { kind } : {}), ...(name ? { name } : {}) });
    try {
      uploaded(await upload(`/v1/datasets?${query}`, file, tell, end.signal));
    } catch (error) {
      if (page.signal.aborted) return;
      if (error.name === 'AbortError') refuse(new Error('Stopped. Nothing was kept.'));
      else refuse(new Error(`${file.name}: ${error.errors?.[0]?.detail ?? error.message}`));
    }
  }

  async function take(files, entries = []) {
    if (isBusy) return problem.say(new Error('One file after the other: this one is still on its way.'));
    problem.say(null);
    const reason = refusal(files, entries);
    if (reason) return refuse(new Error(reason));
    await busily(() => look(files[0]));
  }

  async function look(file) {
    try {
      const found = await sniff(file);
      if (page.signal.aborted) return;
      if (found) askKind(file, found);
      else await send(file, null);
    } catch {
      refuse(new Error(`${file.name} could not be read.`));
    }
  }

  input.addEventListener('change', () => {
    const files = [...input.files];
    input.value = '';
    if (files.length) take(files);
  });
  const listen = (type, f) => document.addEventListener(type, f, { signal: page.signal });
  for (const type of ['dragenter', 'dragover']) listen(type, () => place.classList.add('over'));
  listen('dragleave', (e) => e.relatedTarget ?? place.classList.remove('over'));
  listen('drop', (e) => {
    e.preventDefault();
    place.classList.remove('over');
    take([...e.dataTransfer.files], [...e.dataTransfer.items].map((i) => i.webkitGetAsEntry?.()));
  });
  return { element: place, take };
}
