/* Code that people take with them.  A token is named by a variable, never written out: what is copied gets pasted
 * elsewhere. */

import { hasToken } from '/assets/session.js';

export const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

/* What curl needs to be let in: a list of none or one. */
export const curlToken = () => (hasToken() ? ['-H "Authorization: Bearer $FARFIELD_TOKEN"'] : []);

/* The clipboard is closed to pages that came unencrypted from another machine: there the text, which stands in `node`,
 * is selected.  What to say about it. */
export async function copyText(text, node) {
  try {
    await navigator.clipboard.writeText(text);
    return 'Copied.';
  } catch {
    getSelection().selectAllChildren(node);
    return document.execCommand('copy') ? 'Copied.' : 'Selected: press Ctrl+C.';
  }
}
