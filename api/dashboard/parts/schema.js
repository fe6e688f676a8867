/* Settings as /openapi.json describes them: what may stand in one, in words, and what somebody wrote as a value. */

import { count, number } from '/assets/words.js';

/* The schema that a $ref names, or the schema itself. */
export function follow(api, schema) {
  return schema?.$ref ? api.components.schemas[schema.$ref.split('/').pop()] : schema;
}

/* Type → schema of a union of objects told apart by `type`; null of anything else. */
export function variants(api, schema) {
  const all = follow(api, schema).oneOf?.map((s) => follow(api, s)).filter((s) => s.properties?.type?.const);
  return all?.length ? new Map(all.map((s) => [s.properties.type.const, s])) : null;
}

/* A union's value with nothing left out: a name stands for its type's defaults. */
export function written(api, schema, value) {
  const object = typeof value === 'string' ? { type: value } : value ?? {};
  const members = variants(api, schema)?.get(object.type)?.properties ?? {};
  const defaults = Object.entries(members).filter(([, m]) => m.default !== undefined).map(([name, m]) => [name, m.default]);
  return { ...Object.fromEntries(defaults), ...object };
}

const types = (schema) => [schema.type ?? []].flat();
export const isChoice = (schema) => Boolean(schema.enum) || types(schema)[0] === 'boolean';
export const isList = (schema) => types(schema).includes('array');

export function choices(schema) {
  return schema.enum ?? [true, false];
}

/* "1 to 2,048, or auto"; of a choice nothing, for it shows what there is. */
export function rangeText(schema) {
  if (isChoice(schema)) return '';
  const has = (v) => v !== undefined;
  const plain = (v) => (Number.isInteger(v) ? count(v) : number(v, 6));
  const [low, above, high, below] = ['minimum', 'exclusiveMinimum', 'maximum', 'exclusiveMaximum'].map((k) => schema[k]);
  const parts = [];
  if (has(low) && has(high)) parts.push(`${plain(low)} to ${plain(high)}`);
  else {
    if (has(low)) parts.push(`at least ${plain(low)}`);
    if (has(above)) parts.push(`over ${plain(above)}`);
    if (has(high)) parts.push(`up to ${plain(high)}`);
    if (has(below)) parts.push(`below ${plain(below)}`);
  }
  const words = [types(schema).includes('string') && 'auto', types(schema).includes('null') && 'none'].filter(Boolean);
  if (isList(schema)) parts.push('a list as JSON');
  const range = parts.join(', ');
  const text = [range, ...words].filter(Boolean).join(', or ');
  return text && text[0].toUpperCase() + text.slice(1);
}

/* With all its digits, so that parse() gives it back; valueText of setting.js rounds. */
export function exactText(value) {
  if (value === null) return 'none';
  if (typeof value === 'string') return value;
  return typeof value === 'number' ? String(value) : JSON.stringify(value);
}

/* What was written, as a value to send.  What makes no sense here is sent as text: the service says what is wrong. */
export function parse(schema, text) {
  const t = text.trim();
  if (t === '') return undefined;
  if (t === 'none' && types(schema).includes('null')) return null;
  if (isList(schema) || t.startsWith('[') || t.startsWith('{')) {
    try {
      return JSON.parse(t);
    } catch {
      return t;
    }
  }
  return Number.isFinite(Number(t)) ? Number(t) : t;
}

const ABBREVIATIONS = { psnr: 'PSNR', ema: 'EMA', log2: 'log₂', aspect: 'Aspect' };

/* "n_hidden_layers" → "Hidden layers" */
export function spoken(name) {
  const text = name.replace(/^n_/, '').split('_').map((w) => ABBREVIATIONS[w] ?? w).join(' ');
  return text.length === 1 ? text : text[0].toUpperCase() + text.slice(1);
}

/* --- places in an object, by pointer --- */

const steps = (pointer) => pointer.split('/').slice(1);

export function at(object, pointer) {
  return steps(pointer).reduce((o, name) => o?.[name], object);
}

/* Sets it, or takes it away (undefined) with every object that is empty then.  Pointers come from addresses, too: nothing
 * but the object's own members is ever touched. */
export function put(object, pointer, value) {
  const [name, ...rest] = steps(pointer);
  if (name === '__proto__') return;
  if (rest.length) {
    const own = Object.hasOwn(object, name) ? object[name] : null;
    if (typeof own !== 'object' || own === null) object[name] = typeof own === 'string' ? { type: own } : {};
    put(object[name], `/${rest.join('/')}`, value);
    if (!Object.keys(object[name]).length) delete object[name];
  } else if (value === undefined) delete object[name];
  else object[name] = value;
}
