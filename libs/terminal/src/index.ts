/** Terminal: how commands set out what they say. */
export { quoted } from './quoted.js';
export { sizeText } from './size-text.js';
export { table } from './table.js';
