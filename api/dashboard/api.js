/* The service as the dashboard sees it: JSON requests, uploads with progress, pictures, live events. */

import { check, currentToken, headers, send } from '/assets/session.js';

/* A problem+json answer as an Error whose message a person can read; errors: [{ pointer, detail }], perhaps none. */
export class Problem extends Error {
  constructor(status, body) {
    const places = (body?.errors ?? []).map((e) => `${e.pointer}: ${e.detail}`);
    super(places.length ? places.join('\n') : body?.detail ?? body?.title ?? `the service answered ${status}`);
    this.status = status;
    this.errors = body?.errors ?? [];
  }
}

async function parse(response) {
  const text = await response.text();
  let body = null;
  try {
    body = text ? JSON.parse(text) : null;
  } catch {
    /* not JSON: a proxy's page, say */
  }
  if (!response.ok) throw new Problem(response.status, body);
  return body;
}

/* options: { signal, headers }, as fetch() has them. */
export async function get(path, options = {}) {
  return parse(await send(path, { ...options, headers: { Accept: 'application/json', ...options.headers } }));
}

export async function post(path, body, options = {}) {
  return parse(await send(path, {
    ...options,
    method: 'POST',
    headers: { Accept: 'application/json', 'Content-Type': 'application/json', ...options.headers },
    body: JSON.stringify(body ?? {}),
  }));
}

export async function del(path, options = {}) {
  return parse(await send(path, { ...options, method: 'DELETE', headers: { Accept: 'application/json' } }));
}

/* What answers with bytes: the Response, once it is known to be good. */
export async function fetchBytes(path, options = {}) {
  const response = await send(path, options);
  if (response.ok) return response;
  await parse(response);
  throw new Problem(response.status, null);
}

const NUMBERS = { '<f4': Float32Array, '<f8': Float64Array, '|u1': Uint8Array, '|i1': Int8Array, '<u2': Uint16Array, '<i2': Int16Array, '<u4': Uint32Array, '<i4': Int32Array };

/* The bytes of an NPY file in C order → { shape, data: an array of its numbers' type }. */
export function readArray(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const n = view.getUint8(6) === 1 ? view.getUint16(8, true) + 10 : view.getUint32(8, true) + 12;
  const header = new TextDecoder().decode(bytes.subarray(0, n));
  const shape = /'shape': \(([^)]*)\)/.exec(header)?.[1].split(',').filter((t) => t.trim()).map(Number);
  const kind = NUMBERS[/'descr': '([^']*)'/.exec(header)?.[1]];
  if (!shape || !kind || /'fortran_order': True/.test(header)) throw new Error('the array is of numbers or of an order that are not read here');
  return { shape, data: new kind(bytes.slice(n).buffer) };
}

/* The same of an answer. */
export async function getArray(path, options = {}) {
  return readArray(new Uint8Array(await (await fetchBytes(path, options)).arrayBuffer()));
}

/* fetch() tells nothing about the progress of an upload; XMLHttpRequest does. */
export function upload(path, file, onProgress, signal) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const used = currentToken();
    request.open('POST', path);
    for (const [name, value] of Object.entries({ Accept: 'application/json', ...headers() })) request.setRequestHeader(name, value);
    request.upload.addEventListener('progress', (e) => e.lengthComputable && onProgress(e.loaded / e.total));
    request.addEventListener('error', () => reject(new Error('the upload was cut off')));
    request.addEventListener('abort', () => reject(new DOMException('stopped', 'AbortError')));
    signal?.addEventListener('abort', () => request.abort(), { once: true });
    request.addEventListener('load', () => {
      let body = null;
      try {
        body = JSON.parse(request.responseText);
      } catch {
        /* handled below by the status */
      }
      check(request.status, used);
      if (request.status >= 200 && request.status < 300) resolve(body);
      else reject(new Problem(request.status, body));
    });
    request.send(file);
  });
}

/* Show a picture in an <img>, which by itself would ask without the token.  options: as fetch() has them. */
export async function showPicture(img, path, options = {}) {
  const blob = await (await fetchBytes(path, options)).blob();
  const url = URL.createObjectURL(blob);
  for (const end of ['load', 'error']) img.addEventListener(end, () => URL.revokeObjectURL(url), { once: true });
  img.src = url;
}

/* --- live events --- */

/* text/event-stream, event by event: { id, type, data, retry }; what was not said is undefined. */
async function* readEvents(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  let event = {};
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return; /* an event that was not ended by an empty line does not count */
    const lines = (rest + value).split('\n');
    rest = lines.pop();
    for (const line of lines.map((l) => l.replace(/\r$/, ''))) {
      if (line === '') {
        yield event;
        event = {};
        continue;
      }
      const [, field, text] = /^([^:]*):? ?(.*)$/s.exec(line);
      if (field === 'data') event.data = event.data === undefined ? text : `${event.data}\n${text}`;
      else if (field === 'event') event.type = text;
      else if (field === 'id') event.id = text;
      else if (field === 'retry') event.retry = Number(text);
    }
  }
}

const SILENCE = 40000; /* milliseconds: the service says something at least every 15 s */

/* Live events of a job: handlers by type ("state", "progress", "metric", "snapshot", "done").  EventSource sends no
 * token, so the stream is read here: cut off, or silent for too long (a laptop slept), it is asked for again from the
 * last event on.  It ends after `done`, and when the service says that nothing will come (204) or may not be asked
 * (4xx).  Two more handlers: connection(isUp), and end(status) with the 204 or 4xx.  Returns a function that ends it. */
export function watch(jobId, handlers) {
  const end = new AbortController();
  let request = null; /* cuts the one that is under way */
  let wake = () => {};
  let last = null;
  let pause = 2000;
  let heard = Date.now();

  async function read() {
    const wanted = { Accept: 'text/event-stream', ...(last === null ? {} : { 'Last-Event-ID': last }) };
    const response = await send(`/v1/jobs/${jobId}/events`, { headers: wanted, signal: request.signal, cache: 'no-store' });
    if (response.status === 204 || (response.status >= 400 && response.status < 500 && response.status !== 429)) {
      handlers.end?.(response.status);
      return false;
    }
    if (!response.ok) return true;
    handlers.connection?.(true);
    for await (const event of readEvents(response.body)) {
      if (end.signal.aborted) return false;
      heard = Date.now();
      pause = event.retry || pause;
      last = event.id ?? last;
      if (event.data !== undefined) handlers[event.type]?.(JSON.parse(event.data));
      if (event.type === 'done') return false;
    }
    return true;
  }

  async function readOn() {
    while (!end.signal.aborted) {
      request = new AbortController();
      heard = Date.now();
      try {
        if (!(await read())) break;
      } catch {
        /* cut off, or not reached */
      }
      if (end.signal.aborted) break;
      handlers.connection?.(false);
      await new Promise((resume) => {
        wake = resume;
        setTimeout(resume, pause);
      });
    }
    stop(); /* after `done` the rest of the stream is not waited for */
  }

  function listen() {
    if (Date.now() - heard > SILENCE) request.abort();
  }
  const again = () => {
    request.abort();
    wake();
  };
  const timer = setInterval(listen, 10000);
  document.addEventListener('visibilitychange', listen, { signal: end.signal });
  addEventListener('online', again, { signal: end.signal });

  function stop() {
    clearInterval(timer);
    end.abort();
    request.abort();
  }
  readOn();
  return stop;
}
