/* The requests that watch a job, to be pasted into a shell or a program. */

import { el } from '/assets/dom.js';
import { curlToken } from '/assets/parts/code.js';
import { makeTerminal } from '/assets/parts/terminal.js';
import { hasToken } from '/assets/session.js';

function curl(base) {
  const start = ['curl -sS', ...curlToken()].join(' ');
  return [`${start} '${base}'`, `${start} '${base}/metrics'`, `${start} -N '${base}/events'`].join('\n');
}

function python(base) {
  const headers = hasToken() ? ', headers={"Authorization": "Bearer " + os.environ["FARFIELD_TOKEN"]}' : '';
  return [
    `import json, ${hasToken() ? 'os, ' : ''}urllib.request`,
    '',
    `request = urllib.request.Request("${base}/events"${headers})`,
    'with urllib.request.urlopen(request) as events:',
    '    for line in events:  # event: state, progress, metric, snapshot, done',
    '        if line.startswith(b"data: "):',
    '            print(json.loads(line[6:]))',
  ].join('\n');
}

function block(name, text) {
  const terminal = makeTerminal();
  terminal.show(text);
  return el('section', { 'aria-label': name }, el('h3', {}, name), terminal.element);
}

export function makeJobCode(id) {
  const base = `${location.origin}/v1/jobs/${id}`;
  return el('details', { class: 'card code' }, el('summary', {}, 'Watch it from a program'), block('curl', curl(base)), block('Python', python(base)));
}
