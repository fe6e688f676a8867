/* Settings of several fields in words, and what of them differs.
 *
 *   settingsOf(fields) → for each field [[text, does it differ]], the mapping and the network first, then whatever
 *   else is not the same in all */

import { number } from '/assets/words.js';

const shown = (v) => (typeof v === 'number' ? number(v, 4) : String(v));

/* What is always said; anything else is named by its own name. */
const WORDS = {
  'field.encoding.type': (v) => v,
  'field.encoding.sigma': (v) => `σ ${shown(v)}`,
  'field.encoding.scale': (v) => `scale ${shown(v)}`,
  'field.encoding.n_frequencies': (v) => `${v} frequencies`,
  'field.encoding.n_octaves': (v) => `${v} octaves`,
  'field.encoding.n_levels': (v) => `${v} levels`,
  'field.network.n_hidden_layers': (v) => `${v} layers`,
  'field.network.width': (v) => `${v} wide`,
  'field.network.activation': (v) => v,
};
const ALWAYS = Object.keys(WORDS);

/* What comes with a preset or with a type of encoding: where these differ, their names say it all. */
function isImplied(path, differs) {
  if (path === 'preset' || path === 'steps') return false;
  return differs('preset') || (path.startsWith('field.encoding.') && differs('field.encoding.type'));
}

function flatten(value, path, into) {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) into.set(path, Array.isArray(value) ? JSON.stringify(value).slice(0, 40) : value);
  else for (const [key, member] of Object.entries(value)) flatten(member, path ? `${path}.${key}` : key, into);
  return into;
}

export function settingsOf(fields) {
  const all = fields.map(({ spec, step, state }) => {
    const { preset, field, train, measure = {} } = spec;
    return flatten({ preset, field, train, measure, steps: state === 'final' ? step : train.steps }, '', new Map());
  });
  const differs = (path) => all.some((s) => s.get(path) !== all[0].get(path));
  const others = [...new Set(all.flatMap((s) => [...s.keys()]))]
    .filter((path) => !WORDS[path] && path !== 'train.steps' && differs(path) && !isImplied(path, differs));
  return all.map((settings) => [...ALWAYS, ...others].filter((path) => settings.get(path) !== undefined && settings.get(path) !== null).map((path) => {
    const value = settings.get(path);
    const text = WORDS[path] ? WORDS[path](value) : path === 'steps' ? `${value} steps` : `${path.split('.').pop().replaceAll('_', ' ')} ${shown(value)}`;
    return [text, differs(path)];
  }));
}
