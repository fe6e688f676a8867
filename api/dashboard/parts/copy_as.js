/* "Copy as": the request behind what is seen, or behind the value at the point, as curl, as Python, as an address.
 *
 *   const copyAs = makeCopyAs({ id })     id of the field
 *   copyAs.view({ method, path, body })   what is seen has another request
 *   copyAs.point([x, y])                  another point is looked at, or null */

import { el } from '/assets/dom.js';
import { hasToken } from '/assets/session.js';
import { copyText, curlToken, quoted } from '/assets/parts/code.js';

const literal = (text) => JSON.stringify(text); /* a JSON string is a Python string, too */

export function valuePath(id, point) {
  const query = new URLSearchParams(point.map((v, i) => ['xyz'[i], v]));
  return `/v1/fields/${id}/value?${query}`;
}

/* Where a picture can be had as numbers, they are what code wants. */
function asNumbers(path) {
  const url = new URL(path, location.origin);
  if (!/\/(image|slice)$/.test(url.pathname)) return null;
  url.searchParams.set('format', 'npy');
  return url.href;
}

const fileOf = (request) => {
  const path = request.path.split('?')[0];
  if (/\/(image|slice|render)$/.test(path)) return 'view.png';
  return /\/value$/.test(path) || request.body ? null : path.split('/').pop();
};

function curlOf(request) {
  const parts = ['curl', '-f', '-sS', ...curlToken()];
  if (request.body) parts.push("-H 'Content-Type: application/json'", `-d ${quoted(JSON.stringify(request.body))}`);
  const file = fileOf(request);
  if (file) parts.push(`-o ${file}`);
  return `${parts.join(' ')} ${quoted(location.origin + request.path)}`;
}

function pythonOf(request) {
  const numbers = request.body ? null : asNumbers(request.path);
  const isValue = /\/value\?/.test(request.path) || /\/query(\?|$)/.test(request.path);
  const file = fileOf(request) ?? 'answer.json';
  const headers = [hasToken() && '"Authorization": "Bearer " + os.environ["FARFIELD_TOKEN"]', request.body && '"Content-Type": "application/json"'].filter(Boolean);
  const modules = [numbers && 'io', isValue || request.body ? 'json' : null, hasToken() && 'os', 'urllib.request'].filter(Boolean);
  const made = [literal(numbers ?? location.origin + request.path), request.body && 'data=json.dumps(body).encode()', headers.length && `headers={${headers.join(', ')}}`];
  return [
    `import ${modules.join(', ')}`,
    numbers && 'import numpy as np',
    '',
    request.body && `body = ${python(request.body)}`,
    `request = urllib.request.Request(${made.filter(Boolean).join(',\n    ')})`,
    'with urllib.request.urlopen(request) as answer:',
    numbers && '    values = np.load(io.BytesIO(answer.read()))',
    numbers && 'print(values.shape, values.min(), values.max())',
    isValue && '    print(json.load(answer)["value"])',
    !numbers && !isValue && `    open(${literal(file)}, "wb").write(answer.read())`,
  ].filter((line) => typeof line === 'string').join('\n');
}

/* JSON as Python writes it; bodies of requests hold no null. */
function python(value) {
  if (Array.isArray(value)) return `[${value.map(python).join(', ')}]`;
  if (value === true || value === false) return value ? 'True' : 'False';
  if (typeof value === 'object') return `{${Object.entries(value).map(([k, v]) => `${literal(k)}: ${python(v)}`).join(', ')}}`;
  return JSON.stringify(value);
}

const FORMS = { curl: curlOf, Python: pythonOf, URL: (request) => (request.body ? null : location.origin + request.path) };

export function makeCopyAs({ id }) {
  const requests = { view: null, point: null };
  let form = 'curl';
  const what = el('select', { onchange: show }, el('option', { value: 'view' }, 'What is seen'), el('option', { value: 'point' }, 'The value at the point'));
  const forms = Object.keys(FORMS).map((name) => el('button', {
    type: 'button',
    'aria-pressed': String(name === form),
    onclick: () => {
      form = name;
      forms.forEach((b) => b.setAttribute('aria-pressed', String(b.textContent === name)));
      show();
    },
  }, name));
  const code = el('code');
  const frame = el('pre', { class: 'copied', tabIndex: 0, 'aria-label': 'Code' }, code);
  const said = el('span', { class: 'hint', role: 'status' });
  const copyCode = el('button', { type: 'button', onclick: async () => (said.textContent = await copyText(code.textContent, code)) }, 'Copy');
  const link = el('button', { type: 'button', onclick: async () => {
    code.textContent = location.href;
    said.textContent = await copyText(location.href, code);
  } }, 'Copy a link to this view');
  const tokenHint = hasToken() && el('p', { class: 'hint' }, 'Set FARFIELD_TOKEN to your token first.');

  function show() {
    const request = requests[what.value];
    const text = request && FORMS[form](request);
    const absent = request ? 'This takes a request with a body: there is no address for it.' : 'No point has been looked at yet.';
    code.textContent = text || absent;
    copyCode.disabled = !text;
    said.textContent = '';
  }
  show();

  return {
    element: el('section', { class: 'card', 'aria-label': 'Copy as' }, el('h2', {}, 'Copy as'),
      el('div', { class: 'actions' }, el('label', {}, el('span', { class: 'visually-hidden' }, 'Request of'), what), el('div', { class: 'joined', role: 'group', 'aria-label': 'Form' }, forms)),
      frame, tokenHint, el('div', { class: 'actions' }, copyCode, link, said)),
    view(request) {
      requests.view = request;
      if (what.value === 'view') show();
    },
    point(point) {
      requests.point = point && { path: valuePath(id, point) };
      if (what.value === 'point') show();
    },
  };
}
