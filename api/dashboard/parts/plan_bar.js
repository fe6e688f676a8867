/* What the fit would cost and reach, and the button that starts it: always in sight at the foot of the form.
 *
 *   const bar = makePlanBar(start)   start(): the button was pressed
 *   bar.element
 *   bar.show(plan)      as POST /v1/estimates answers, or null: not known; what it would reach is still to come:
 *   bar.expect(plan)    as POST /v1/estimates?forecast=true answers
 *   bar.expectNone(why) it cannot be told
 *   bar.wrong(n)        so many places have to be mended first
 *   bar.busy(what)      'asking' or 'starting'; null: neither */

import { el, facts } from '/assets/dom.js';
import { bytes, count, duration, number } from '/assets/words.js';

/* The PSNR at the end; null where there is no forecast. */
function expectedWords(series) {
  const last = (values) => values?.at(-1)?.[1];
  if (!series || last(series.psnr) === undefined) return null;
  return `≈ ${last(series.psnr).toFixed(1)} dB${series.test_psnr ? ` (test ${last(series.test_psnr).toFixed(1)})` : ''}`;
}

const chosenWords = (tuning) => Object.entries(tuning ?? {}).map(([name, { chosen }]) => `${name} ${number(chosen)} would be chosen`).join(', ');

function timeWords({ estimate: { seconds, training_seconds: training }, spec }) {
  if (seconds === null) return spec.train.steps === null ? 'until the target is reached' : 'not known yet';
  return seconds - training > 0.05 * seconds && training !== null ? `${duration(seconds)}, ${duration(training)} of training` : duration(seconds);
}

export function makePlanBar(start) {
  const words = el('div', { class: 'fit-plan-words' });
  const state = el('p', { class: 'visually-hidden', role: 'status' });
  const button = el('button', { type: 'button', class: 'main', onclick: start }, 'Start the fit');
  const element = el('div', { class: 'fit-plan card' }, words, state, button);
  const expected = el('div', { class: 'fit-expected', hidden: true }, el('dt', {}, 'Expected PSNR'), el('dd', {}));
  const why = el('p', { class: 'hint' });
  const about = el('summary', {});
  const forecast = el('details', { class: 'fit-why' }, about, why);
  const say = (text, ...children) => {
    words.replaceChildren(...children);
    state.textContent = text;
  };
  const explain = (title, reason) => {
    about.textContent = title;
    why.textContent = reason && `${reason[0].toUpperCase()}${reason.slice(1).replace(/\.$/, '')}.`;
    forecast.classList.remove('coming');
  };
  return {
    element,
    show(plan) {
      element.classList.remove('wrong');
      if (!plan) return say('', el('p', { class: 'hint' }, 'No estimate of this fit.'));
      const e = plan.estimate;
      const time = timeWords(plan);
      const queue = plan.queue_position > 1 ? `starts after ${count(plan.queue_position - 1)} other${plan.queue_position > 2 ? 's' : ''}` : 'starts at once';
      const costs = facts([
        ['Time', time], ['Steps', e.steps === null ? null : count(e.steps)], ['Memory', bytes(e.memory_bytes)],
        ['Parameters', count(plan.n_parameters)], ['Queue', queue],
      ], 'fit-forecast');
      expected.hidden = true;
      costs.children[0].after(expected);
      explain('Looking at the data for a forecast …', '');
      forecast.classList.add('coming');
      say(e.seconds === null ? `Time: ${time}.` : `About ${time}.`, costs, forecast);
    },
    expect({ forecast: { series, reason }, tuning }) {
      const psnr = expectedWords(series), chosen = chosenWords(tuning);
      expected.lastChild.textContent = psnr ?? '';
      expected.hidden = psnr === null;
      explain([psnr === null ? 'No forecast of the PSNR' : 'A forecast, from the data', chosen].filter(Boolean).join('; '), reason);
      if (psnr !== null) state.textContent += ` Expected PSNR ${psnr}.`;
    },
    expectNone: (reason) => explain('No forecast of the PSNR', reason),
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
