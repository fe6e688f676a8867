/* Settings by their pointers into a job's body, in words. */

import { number } from '/assets/words.js';

const NAMES = {
  '/field/encoding': 'mapping', '/field/encoding/type': 'mapping', '/field/encoding/sigma': 'σ', '/field/encoding/scale': 'scale',
  '/field/encoding/n_frequencies': 'frequencies', '/field/encoding/n_octaves': 'octaves', '/field/encoding/n_levels': 'levels',
  '/field/network/n_hidden_layers': 'depth', '/field/network/width': 'width', '/train/learning_rate': 'learning rate',
  '/train/seed': 'seed', '/train/steps': 'steps', '/train/batch_size': 'batch', '/measure/n_angles': 'angles',
};

export const settingName = (pointer) => NAMES[pointer] ?? pointer.split('/').pop().replaceAll('_', ' ');

/* "gaussian, σ 10", "64", "true": to be looked at, rounded; what is read back is written by exactText of schema.js. */
export function valueText(value) {
  if (value === null) return 'none';
  if (typeof value === 'number') return number(value, 5);
  if (typeof value !== 'object') return String(value);
  if (Array.isArray(value)) return `[${value.map(valueText).join(', ')}]`;
  const { type, ...rest } = value;
  return [type, ...Object.entries(rest).map(([k, v]) => `${settingName(`/field/encoding/${k}`)} ${valueText(v)}`)].filter(Boolean).join(', ');
}

/* "σ 1, 4, 16, 64 · seed 0, 1" */
export function axesText(axes) {
  return axes.map(({ pointer, values }) => {
    const some = values.length > 5 ? [...values.slice(0, 2), '…', values[values.length - 1]] : values;
    return `${settingName(pointer)} ${some.map((v) => (v === '…' ? v : valueText(v))).join(typeof values[0] === 'object' ? ' | ' : ', ')}`;
  }).join(' · ');
}
