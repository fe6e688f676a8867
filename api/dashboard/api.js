/* The service as the dashboard sees it: JSON requests, uploads with progress, live events. */

/* A problem+json answer as an Error whose message a person can read. */
export class Problem extends Error {
  constructor(status, body) {
    const places = (body?.errors ?? []).map((e) => `${e.pointer}: ${e.detail}`);
    super(places.length ? places.join('\n') : body?.detail ?? body?.title ?? `the service answered ${status}`);
    this.status = status;
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

export async function get(path) {
  return parse(await fetch(path, { headers: { Accept: 'application/json' } }));
}

export async function post(path, body) {
  return parse(await fetch(path, {
    method: 'POST',
    headers: { Accept: 'application/json', 'Content-Type': 'application/json' },
    body: JSON.stringify(body ?? {}),
  }));
}

/* fetch() tells nothing about the progress of an upload; XMLHttpRequest does. */
export function upload(path, file, onProgress) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open('POST', path);
    request.setRequestHeader('Accept', 'application/json');
    request.upload.addEventListener('progress', (e) => e.lengthComputable && onProgress(e.loaded / e.total));
    request.addEventListener('error', () => reject(new Error('the upload was cut off')));
    request.addEventListener('load', () => {
      let body = null;
      try {
        body = JSON.parse(request.responseText);
      } catch {
        /* handled below by the status */
      }
      if (request.status >= 200 && request.status < 300) resolve(body);
      else reject(new Problem(request.status, body));
    });
    request.send(file);
  });
}

/* Live events of a job: handlers by type ("state", "progress", "metric", "snapshot", "done").  The browser
 * reconnects by itself and sends Last-Event-ID.  Returns a function that ends it. */
export function watch(jobId, handlers) {
  const source = new EventSource(`/v1/jobs/${jobId}/events`);
  for (const [type, handle] of Object.entries(handlers)) {
    source.addEventListener(type, (e) => handle(JSON.parse(e.data)));
  }
  source.addEventListener('done', () => source.close());
  return () => source.close();
}
