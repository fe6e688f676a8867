/* Who speaks: the token, kept for this tab alone, and every request that carries it.  A service that asks
 * nobody for a token is spoken to in the same way, without one. */

const KEY = 'farfield-token';
let token = read();
let refused = () => {};

/* Storage may be forbidden: the token then lives as long as the page. */
function read() {
  try {
    return sessionStorage.getItem(KEY);
  } catch {
    return null;
  }
}

export function setToken(text) {
  token = text || null;
  try {
    if (token) sessionStorage.setItem(KEY, token);
    else sessionStorage.removeItem(KEY);
  } catch {
    /* see read() */
  }
}

export const hasToken = () => token !== null;

/* "#token=…", as the service's log gives it: taken, and at once gone from the address and the history. */
export function takeTokenFromAddress() {
  const found = /^#token=([\w.~+/=-]+)$/.exec(location.hash);
  if (!found) return false;
  setToken(found[1]);
  history.replaceState(null, '', location.pathname + location.search);
  return true;
}

/* Was this page itself answered 401?  Then there is no need to ask for anything to know. */
export function wasRefused() {
  return performance.getEntriesByType('navigation')[0]?.responseStatus === 401;
}

/* What happens when the service asks for a token, or takes this one no longer. */
export function onRefused(call) {
  refused = call;
}

export const headers = () => (token ? { Authorization: `Bearer ${token}` } : {});

/* An answer to a request that was sent with `used`: 401 about a token that is no longer this one is old news. */
export function check(status, used) {
  if (status === 401 && used === token) refused();
}

/* fetch() with the token. */
export async function send(path, options = {}) {
  const used = token;
  const response = await fetch(path, { method: 'GET', ...options, headers: { ...options.headers, ...headers() } });
  check(response.status, used);
  return response;
}

export const currentToken = () => token;

/* Into a file of the reader's. */
export function saveBlob(blob, name) {
  const url = URL.createObjectURL(blob);
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 60000); /* the browser reads it after the click */
}

/* A link that is followed by the browser carries no token: fetch what it names, and save that. */
export async function save(link) {
  const response = await send(link.getAttribute('href'));
  if (!response.ok) throw new Error(`the service answered ${response.status}`);
  const given = /filename="([^"]+)"/.exec(response.headers.get('Content-Disposition') ?? '');
  saveBlob(await response.blob(), given?.[1] ?? link.dataset.file);
}
