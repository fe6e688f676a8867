/* The same from a terminal: a command that may be copied.  A token is named by a variable, never written out.
 *
 *   const terminal = makeTerminal()   terminal.element, terminal.show(text) */

import { el } from '/assets/dom.js';
import { hasToken } from '/assets/session.js';

const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;
const AUTH = () => (hasToken() ? ' \\\n  -H "Authorization: Bearer $FARFIELD_TOKEN"' : '');

export const curlOfPost = (path, body) => `curl -sS ${quoted(location.origin + path)}${AUTH()} \\\n  -H 'Content-Type: application/json' \\\n  -d ${quoted(JSON.stringify(body))}`;

export const curlOfUpload = (query, file) => `curl -sS ${quoted(`${location.origin}/v1/datasets${query}`)}${AUTH()} \\\n  --data-binary @${file}`;

export function makeTerminal() {
  const code = el('pre', { class: 'fit-command', tabIndex: 0, 'aria-label': 'Command' });
  const said = el('span', { class: 'hint', role: 'status' });
  const copy = el('button', {
    type: 'button',
    onclick: async () => {
      try {
        await navigator.clipboard.writeText(code.textContent);
        said.textContent = 'Copied.';
      } catch {
        getSelection().selectAllChildren(code); /* the clipboard is for secure origins only */
        said.textContent = 'Selected: press Ctrl+C.';
      }
    },
  }, 'Copy');
  return {
    element: el('div', {}, code, el('div', { class: 'actions' }, copy, said)),
    show(text) {
      code.textContent = text;
      said.textContent = '';
    },
  };
}
