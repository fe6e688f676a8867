/* The same from a terminal: a command that may be copied.
 *
 *   const terminal = makeTerminal()   terminal.element, terminal.show(text) */

import { el } from '/assets/dom.js';
import { copyText, curlToken, quoted } from '/assets/parts/code.js';

const curl = (...parts) => ['curl -sS', ...parts].join(' \\\n  ');

export const curlOfPost = (path, body) => curl(quoted(location.origin + path), ...curlToken(), "-H 'Content-Type: application/json'", `-d ${quoted(JSON.stringify(body))}`);

export const curlOfUpload = (query, file) => curl(quoted(`${location.origin}/v1/datasets${query}`), ...curlToken(), `--data-binary @${file}`);

export function makeTerminal() {
  const code = el('pre', { class: 'fit-command', tabIndex: 0, 'aria-label': 'Command' });
  const said = el('span', { class: 'hint', role: 'status' });
  const copy = el('button', {
    type: 'button',
    onclick: async () => (said.textContent = await copyText(code.textContent, code)),
  }, 'Copy');
  return {
    element: el('div', {}, code, el('div', { class: 'actions' }, copy, said)),
    show(text) {
      code.textContent = text;
      said.textContent = '';
    },
  };
}
