/* What the fit would cost, and the button that starts it: always in sight at the foot of the form.
 *
 *   const bar = makePlanBar(start)   start(): the button was pressed
 *   bar.element
 *   bar.show(plan)      as POST /v1/estimates answers, or null: not known
 *   bar.wrong(n)        so many places have to be mended first
 *   bar.busy(what)      'asking' or 'starting'; null: neither */

import { el, facts } from '/assets/dom.js';
import { bytes, count, duration } from '/assets/words.js';

const FOURIER = new Set(['basic', 'positional', 'octave', 'gaussian', 'explicit']);

/* Which fits have a forecast of their quality is known when they have begun; this is where one can be expected. */
function qualityWords(plan) {
  if (plan.task === 'image' && FOURIER.has(plan.spec.field.encoding.type)) return 'A forecast of PSNR comes with its first steps.';
  return '';
}

function timeWords({ seconds, training_seconds: training }) {
  if (seconds === null) return 'until the target is reached';
  return seconds - training > 0.05 * seconds && training !== null ? `${duration(seconds)}, ${duration(training)} of training` : duration(seconds);
}

export function makePlanBar(start) {
  const words = el('div', { class: 'fit-plan-words' });
  const state = el('p', { class: 'visually-hidden', role: 'status' });
  const button = el('button', { type: 'button', class: 'main', onclick: start }, 'Start the fit');
  const element = el('div', { class: 'fit-plan card' }, words, state, button);
  const say = (text, ...children) => {
    words.replaceChildren(...children);
    state.textContent = text;
  };
  return {
    element,
    show(plan) {
      element.classList.remove('wrong');
      if (!plan) return say('', el('p', { class: 'hint' }, 'No estimate of this fit.'));
      const e = plan.estimate;
      const time = timeWords(e);
      const queue = plan.queue_position > 1 ? `starts after ${count(plan.queue_position - 1)} other${plan.queue_position > 2 ? 's' : ''}` : 'starts at once';
      say(`About ${time}.`, facts([
        ['Time', time], ['Steps', e.steps === null ? null : count(e.steps)], ['Memory', bytes(e.memory_bytes)],
        ['Parameters', count(plan.n_parameters)], ['Queue', queue],
      ], 'fit-forecast'), el('p', { class: 'hint' }, qualityWords(plan)));
    },
    wrong(n) {
      element.classList.add('wrong');
      const text = n === 1 ? 'One setting has to be mended.' : `${n} settings have to be mended.`;
      say(text, el('p', {}, text));
    },
    busy(what) {
      button.disabled = what === 'starting';
      button.textContent = what === 'starting' ? 'Starting …' : 'Start the fit';
      element.classList.toggle('asking', what === 'asking');
    },
  };
}
