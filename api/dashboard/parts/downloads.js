/* What can be had of a field as a file.
 *
 *   const downloads = makeDownloads({ field, look, dataset, problem, signal })
 *   downloads.show([{ text, file, request: { method, path, body, accept } }])    of what is seen */

import { fetchBytes } from '/assets/api.js';
import { actionButton, el } from '/assets/dom.js';
import { saveBlob } from '/assets/session.js';
import { count } from '/assets/words.js';

const MOST_PIXELS = 16 * 1024 * 1024;

/* An answer as a file of the reader's. */
async function saveAnswer({ file, request }, signal) {
  const headers = { ...(request.body && { 'Content-Type': 'application/json' }), ...(request.accept && { Accept: request.accept }) };
  const body = request.body && JSON.stringify(request.body);
  const response = await fetchBytes(request.path, { method: request.method ?? 'GET', signal, headers, body });
  saveBlob(await response.blob(), file);
}

const link = (text, path, file) => el('a', { class: 'button', href: path, download: file, 'data-file': file }, text);

/* A choice, and links that follow it.  choices: [value, words]; make(value) → links. */
function chosen(label, choices, first, make) {
  const links = el('span', { class: 'actions' });
  const select = el('select', { onchange: () => links.replaceChildren(...make(select.value)) }, choices.map(([value, words]) => el('option', { value }, words)));
  select.value = first;
  links.replaceChildren(...make(first));
  return el('div', { class: 'actions' }, el('label', {}, `${label} `, select), links);
}

function pictures(base, name, [height, width]) {
  const scales = [1, 2, 4].filter((s) => width * height * s * s <= MOST_PIXELS);
  if (!scales.length) return null;
  const choices = scales.map((s) => [String(s), `${s}×, ${count(width * s)} × ${count(height * s)}`]);
  return chosen('Picture', choices, '1', (s) => ['png', 'npy'].map((format) =>
    link(format.toUpperCase(), `${base}/image?width=${width * s}&height=${height * s}&format=${format}`, `${name}-${s}x.${format}`)));
}

function volumes(base, name) {
  return el('div', { class: 'actions' }, el('span', {}, 'Volume'),
    link('NIfTI', `${base}/volume?format=nii.gz`, `${name}.nii.gz`), link('NPY', `${base}/volume?format=npy`, `${name}.npy`));
}

function surfaces(base, name) {
  const choices = [64, 128, 256, 512].map((n) => [String(n), `${n} samples a side`]);
  return chosen('Surface', choices, '128', (n) => ['glb', 'ply'].map((format) =>
    link(format.toUpperCase(), `${base}/mesh?resolution=${n}&format=${format}`, `${name}-${n}.${format}`)));
}

export function makeDownloads({ field, look, dataset, problem, signal }) {
  const base = `/v1/fields/${field.id}`;
  const name = (dataset?.name ?? field.id).replace(/\.\w+(\.gz)?$/, '').replace(/[^\w.-]+/g, '_') || field.id;
  const ofView = el('div', { class: 'actions' });
  const section = el('section', { class: 'card downloads', 'aria-label': 'Downloads' }, el('h2', {}, 'Downloads'),
    ofView,
    look === 'picture' && field.domain && pictures(base, name, field.domain.shape),
    look === 'volume' && volumes(base, name),
    (look === 'volume' || look === 'space') && surfaces(base, name),
    el('div', { class: 'actions' }, el('span', {}, 'Itself'), link('safetensors', `${base}/weights`, `${name}.safetensors`),
      ...(field.links.job ? [link('Job, JSON', `/v1/jobs/${field.job_id}`, `${name}-job.json`)] : [])));
  return {
    element: section,
    show(files) {
      /* The buttons stay the same ones while the view moves: focus stays where it is. */
      const texts = files.map((f) => f.text).join('\n');
      if (ofView.dataset.texts !== texts) {
        ofView.dataset.texts = texts;
        ofView.replaceChildren(...(files.length ? [el('span', {}, 'What is seen')] : []),
          ...files.map((f, i) => actionButton(f.text, problem, () => saveAnswer(ofView.files[i], signal))));
      }
      ofView.files = files.map((f) => ({ ...f, file: `${name}-${f.file}` }));
    },
  };
}
