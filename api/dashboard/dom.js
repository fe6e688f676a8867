/* Elements without HTML text: what data says can only ever become text. */

/* el('a', { href, class: 'x', onclick: f, hidden: true }, 'text', child, [more]): properties that are functions
 * become listeners, `class`, `role`, `for`, aria-… and data-… attributes, the rest properties; null children are
 * left out. */
export function el(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null) continue;
    if (typeof value === 'function') node.addEventListener(name.replace(/^on/, ''), value);
    else if (name === 'class') node.className = value;
    else if (/^(aria-|data-|role$|for$|list$|form$|colspan$|scope$)/.test(name)) node.setAttribute(name, value);
    else node[name] = value;
  }
  node.append(...children.flat(Infinity).filter((c) => c !== null && c !== undefined && c !== false));
  return node;
}

/* A place for what went wrong: say(error) shows it where it belongs, say(null) takes it away. */
export function problemPlace() {
  const place = el('p', { class: 'problem', role: 'alert', hidden: true });
  place.say = (error) => {
    place.textContent = error ? error.message : '';
    place.hidden = !error;
  };
  return place;
}

/* A button that does something over the wire: disabled meanwhile, its failure said in `problem`. */
export function actionButton(text, problem, act, properties = {}) {
  return el('button', {
    type: 'button',
    ...properties,
    onclick: async (e) => {
      const button = e.currentTarget;
      problem.say(null);
      const hadFocus = document.activeElement === button; /* which a disabled one loses */
      button.disabled = true;
      try {
        await act(e);
      } catch (error) {
        if (error.name !== 'AbortError') problem.say(error);
      } finally {
        button.disabled = false;
        if (hadFocus && button.isConnected && document.activeElement === document.body) button.focus();
      }
    },
  }, text);
}

/* dl of [term, value] pairs; a value may be an element.  Pairs without a value are left out. */
export function facts(pairs, className = 'numbers') {
  return el('dl', { class: className }, pairs.filter(([, v]) => v !== null && v !== undefined && v !== '')
    .map(([term, value]) => el('div', {}, el('dt', {}, term), el('dd', {}, value))));
}
