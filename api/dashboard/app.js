/* The front door: who comes in, and which page the address names. */

import { get } from '/assets/api.js';
import { count } from '/assets/words.js';
import { Page, readAddress } from '/assets/page.js';
import { hasToken, onRefused, save, setToken, takeTokenFromAddress, wasRefused } from '/assets/session.js';

const $ = (id) => document.getElementById(id);

/* Name of a page in the address → its module, alone and with an id behind it.  They are fetched when they are needed. */
const PAGES = {
  '': { module: 'start' },
  datasets: { module: 'datasets', one: 'dataset' },
  jobs: { module: 'jobs', one: 'job' },
  fields: { module: 'fields', one: 'field' },
  sweeps: { module: 'sweeps', one: 'sweep' },
  compare: { module: 'compare' },
  kernel: { module: 'kernel' },
  service: { module: 'service' },
};

let page = null; /* the open one */
let visit = 0; /* goes up when somebody comes or goes: what was begun in an earlier visit is dropped */
let isIn = false;

function showProblem(place, error) {
  place.textContent = error ? error.message : '';
  place.hidden = !error;
}

/* --- pages --- */

/* "#job_…", as older links have it. */
function modernized(hash) {
  const old = /^#(job|fld|ds|swp)_\w+$/.exec(hash);
  if (!old) return hash;
  const folder = { job: 'jobs', fld: 'fields', ds: 'datasets', swp: 'sweeps' }[old[1]];
  return `#/${folder}/${hash.slice(1)}`;
}

function markNavigation(name) {
  for (const link of document.querySelectorAll('#rooms a')) {
    const isHere = readAddress(link.getAttribute('href')).name === name;
    if (isHere) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
}

/* False: somebody went on to another before it was there. */
async function openPage() {
  page?.leave();
  const wanted = readAddress(modernized(location.hash));
  const entry = PAGES[wanted.name];
  const mine = (page = new Page(document.createElement('div'), wanted));
  mine.place.className = 'page';
  markNavigation(wanted.name);
  const name = entry && (wanted.id ? entry.one : entry.module);
  try {
    if (!name) throw new Error(`There is no page '${wanted.path}'.`);
    const { open } = await import(`/assets/pages/${name}.js`);
    if (mine !== page) return false;
    $('house').replaceChildren(mine.place);
    scrollTo(0, 0);
    await open(mine);
  } catch (error) {
    if (mine !== page || error.name === 'AbortError') return false;
    $('house').replaceChildren(mine.place);
    const place = document.createElement('p');
    place.className = 'problem';
    place.setAttribute('role', 'alert');
    place.textContent = error.message;
    const home = document.createElement('a');
    home.href = '#/';
    home.textContent = 'To the start page';
    mine.place.append(place, home);
  }
  return mine === page;
}

/* Keyboard and screen reader go on from the new page's heading, but for who is at something in it already. */
async function turnPage() {
  if (!(await openPage())) return;
  const heading = $('house').querySelector('h1');
  if (heading && !$('house').contains(document.activeElement)) {
    heading.tabIndex = -1;
    heading.focus({ preventScroll: true });
  }
}

/* --- health --- */

async function askHealth(mine) {
  if (!document.hidden) {
    try {
      const [running, queued] = await Promise.all(['running&limit=30', 'queued&limit=1'].map((q) => get(`/v1/jobs?status=${q}`)));
      if (mine !== visit) return;
      const waiting = queued.items[0]?.queue_position ?? 0; /* the newest in the queue stands last in it */
      const busy = running.items.length;
      $('health').className = 'health up';
      $('health-text').textContent = busy || waiting ? `${count(busy)} running, ${count(waiting)} queued` : 'idle';
    } catch {
      if (mine !== visit) return;
      $('health').className = 'health down';
      $('health-text').textContent = 'no connection';
    }
  }
  setTimeout(() => mine === visit && askHealth(mine), 5000);
}

/* --- coming and going --- */

/* Nothing of what was seen stays. */
function forget() {
  visit++;
  isIn = false;
  page?.leave();
  page = null;
  $('house').replaceChildren();
  $('token').value = '';
}

/* reason: why it ended, or null. */
function leave(reason) {
  setToken(null);
  forget();
  $('house').hidden = $('sign-out').hidden = $('rooms').hidden = true;
  $('sign-in').hidden = false;
  $('health').className = 'health';
  $('health-text').textContent = 'signed out';
  document.title = 'Sign in – farfield';
  $('token').focus();
  showProblem($('sign-in-problem'), reason ? new Error(reason) : null);
}

/* Where the first question is answered 401, leave() has been called. */
async function begin() {
  forget();
  const mine = visit;
  if (hasToken()) {
    await get('/v1/jobs?limit=1').catch(() => null);
    if (mine !== visit) return;
  }
  isIn = true;
  $('sign-in').hidden = true;
  $('house').hidden = $('rooms').hidden = false;
  $('sign-out').hidden = !hasToken();
  askHealth(mine);
  await openPage();
}

function listen() {
  addEventListener('hashchange', () => (takeTokenFromAddress() ? begin() : isIn && turnPage()));
  document.addEventListener('click', (e) => {
    const link = e.target.closest?.('a[data-file]');
    if (!link || !hasToken()) return; /* without a token the browser follows it by itself */
    e.preventDefault();
    if (link.getAttribute('aria-busy') === 'true') return;
    link.setAttribute('aria-busy', 'true');
    save(link).catch((error) => {
      const place = link.closest('.page, main')?.querySelector('.problem');
      if (place) showProblem(place, error);
    }).finally(() => link.removeAttribute('aria-busy'));
  });
  /* A file that misses the place for it must not replace the page. */
  for (const type of ['dragover', 'drop']) document.addEventListener(type, (e) => e.preventDefault());
  $('sign-out').addEventListener('click', () => leave(null));
  $('sign-in-form').addEventListener('submit', (e) => {
    e.preventDefault();
    setToken($('token').value.trim());
    begin();
  });
}

listen();
onRefused(() => leave(hasToken() ? 'The service does not take this token.' : null));
takeTokenFromAddress();
if (wasRefused() && !hasToken()) leave(null);
else await begin();
