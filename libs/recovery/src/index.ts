/** Recovery: from whatever a stop left behind to an installation that is whole again, or a refusal that says why. */
export { boot } from './boot.js';
export type * from './types.js';
