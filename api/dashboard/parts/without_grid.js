/* A preset that is made for a grid has a small network and large steps: too little for a mapping without one.  What to
 * change then is suggested, never done by itself. */

const GRIDS = new Set(['hashgrid', 'densegrid', 'concat']);

/* Pictures and volumes: values in [0, 1], samples at hand; elsewhere the network and the rate alone. */
const VALUES = {
  '/field/network/n_hidden_layers': 3, '/field/network/width': 128, '/field/network/output_activation': 'sigmoid',
  '/train/batch_size': 1024, '/train/learning_rate': 0.003,
};
const MEASUREMENTS = { '/field/network/n_hidden_layers': 3, '/field/network/width': 128, '/train/learning_rate': 0.001 };

/* Settings by pointer, or null where nothing is to be suggested. */
export function suggestionFor(preset, mappingType) {
  if (!GRIDS.has(preset.parameters.field.encoding.type) || GRIDS.has(mappingType)) return null;
  return preset.task === 'image' || preset.task === 'volume' ? VALUES : MEASUREMENTS;
}
