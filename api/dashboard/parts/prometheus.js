/* Numbers of GET /metrics (Prometheus' text format): metrics.value('name', { label: 'value' }), 0 where there is none. */

const LINE = /^([a-zA-Z_:][\w:]*)(?:\{([^}]*)\})?\s+(\S+)/;

export function parseMetrics(text) {
  const found = new Map();
  for (const line of text.split('\n')) {
    const parts = LINE.exec(line); /* comments have none */
    if (!parts) continue;
    const [, name, labels = '', value] = parts;
    found.set(`${name}{${labels}}`, Number(value));
  }
  return {
    value(name, labels = {}) {
      const key = Object.entries(labels).map(([k, v]) => `${k}="${v}"`).join(',');
      return found.get(`${name}{${key}}`) ?? 0;
    },
  };
}
