/* Libraries that are served beside the dashboard: plain scripts, each fetched once, when first needed. */

const asked = new Map();

function load(name, global) {
  if (!asked.has(name)) {
    asked.set(name, new Promise((resolve, reject) => {
      const script = document.createElement('script');
      script.src = `/assets/vendor/${name}.js`;
      script.addEventListener('load', () => resolve(window[global]));
      script.addEventListener('error', () => {
        asked.delete(name);
        script.remove();
        reject(new Error(`'${name}' could not be fetched from the service`));
      });
      document.head.append(script);
    }));
  }
  return asked.get(name);
}

/* It would add a style sheet of its own to the page, which the policy refuses, unless an element of that name is
 * there: one that is of no namespace is no style sheet. */
export function openSeadragon() {
  if (!document.querySelector('style[data-openseadragon-mobile-css]')) {
    const none = document.createElementNS(null, 'style');
    none.setAttribute('data-openseadragon-mobile-css', 'true');
    document.head.append(none);
  }
  return load('openseadragon', 'OpenSeadragon');
}

export async function uPlot() {
  if (!document.querySelector('link[data-library="uplot"]')) {
    const link = document.createElement('link');
    link.rel = 'stylesheet';
    link.href = '/assets/vendor/uplot.css';
    link.dataset.library = 'uplot';
    document.head.append(link);
  }
  return load('uplot', 'uPlot');
}
