/** Terminal: how commands set out what they say. */
export { sizeText } from './size-text.js';
export { table } from './table.js';
