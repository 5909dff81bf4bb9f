// The rules of the scrub: nothing is judged in a hurry, nothing is moved that cannot be replaced, all of it is owed.
import type { Mutant } from './mutant.js';

const PASS = 'libs/maintenance/src/scrub-pass.test.ts';
const SCRUBBER = 'libs/maintenance/src/scrubber.test.ts';
const ORDERS = 'libs/catalog/src/damage.test.ts';

export const SCRUB: readonly Mutant[] = [
  {
    name: 'scrub: a bad object is read twice',
    file: 'libs/maintenance/src/scrub-pass.ts',
    find: 'const again = await this.#reader.look(key);',
    replace: "const again: Sight = { state: 'corrupt', reason: '', sizeBytes: 0 };",
    tests: [PASS],
    letsThrough: 'one read that went wrong counts as damage',
  },
  {
    name: 'scrub: the place is asked who it is before anything is judged',
    file: 'libs/maintenance/src/scrub-pass.ts',
    find: '    await this.#reader.confirm();\n    const finding',
    replace: '    const finding',
    tests: [PASS],
    letsThrough: 'what stands on a disk that was swapped in is judged as this store’s',
  },
  {
    name: 'scrub: the place is asked who it is behind a listing',
    file: 'libs/maintenance/src/scrub-pass.ts',
    find: '    await this.#reader.confirm();\n    this.#page',
    replace: '    this.#page',
    tests: [PASS],
    letsThrough: 'a store that went away counts as read through',
  },
  {
    name: 'scrub: nothing is moved that no other store has whole',
    file: 'libs/maintenance/src/scrub-remedy.ts',
    find: 'const mayGo = others === undefined || others.whole !== undefined;',
    replace: 'const mayGo = others === undefined || others !== undefined;',
    tests: [PASS],
    letsThrough: 'the only copy is taken from where a person looks for it',
  },
  {
    name: 'scrub: what is moved is looked at once more',
    file: 'libs/maintenance/src/scrub-remedy.ts',
    find: "if (state !== 'corrupt') return 'healed';",
    replace: "if (state === 'unknown') return 'healed';",
    tests: [PASS],
    letsThrough: 'bytes that were just put are moved away',
  },
  {
    name: 'scrub: a pinned chunk stays, and a chunk is moved under its lock',
    file: 'libs/maintenance/src/scrub-remedy.ts',
    find: "if (key.kind !== 'chunk' || !this.#isPrimary) return this.#moveIfBad(key);",
    replace: "if (key.kind !== 'chunk' || this.#reader !== undefined) return this.#moveIfBad(key);",
    tests: [PASS],
    letsThrough: 'the chunk of an upload that is just publishing is moved away',
  },
  {
    name: 'scrub: the files are looked up behind the move',
    file: 'libs/maintenance/src/scrub-remedy.ts',
    find: "const owed = await this.#oweFilesOf(key.id, removal === 'moved' ? 'verify' : 'repair');",
    replace: "const owed = isNeeded ? await this.#oweFilesOf(key.id, removal === 'moved' ? 'verify' : 'repair') : 0;",
    tests: [PASS],
    letsThrough: 'a file that was uploaded meanwhile lacks the chunk',
  },
  {
    name: 'scrub: what is found is a new order',
    file: 'libs/catalog/src/obligation-statements.ts',
    find: 'const ORDERED_ANEW = `generation = generation + 1, ',
    replace: 'const ORDERED_ANEW = `',
    tests: [ORDERS],
    letsThrough: 'the answer to a copy that looked before the chunk was moved says that it is there',
  },
  {
    name: 'scrub: a repair that is owed stays one',
    file: 'libs/catalog/src/obligation-statements.ts',
    find: "CASE WHEN state <> 'done' AND operation = 'repair' THEN operation ELSE @operation END",
    replace: '@operation',
    tests: [ORDERS],
    letsThrough: 'bytes that were to be read are only counted',
  },
  {
    name: 'scrub: a store that has not answered is asked nothing more',
    file: 'libs/maintenance/src/store-reader.ts',
    find: 'if (this.#unanswered !== undefined)\n      throw',
    replace: 'if (this.#timeoutMs < 0)\n      throw',
    tests: [PASS],
    letsThrough: 'a hung mount takes one thread of the pool after the other',
  },
  {
    name: 'scrub: a store that cannot be read waits',
    file: 'libs/maintenance/src/scrubber.ts',
    find: 'paced.notBeforeMs = performance.now() + RETRY_MS;',
    replace: 'paced.notBeforeMs = performance.now();',
    tests: [SCRUBBER],
    letsThrough: 'a store that is away keeps the server busy',
  },
  {
    name: 'scrub: the rate',
    file: 'libs/maintenance/src/scrubber.ts',
    find: '(1000 * chargeBytes) / rateBytesPerSecond',
    replace: '(0 * chargeBytes) / rateBytesPerSecond',
    tests: [SCRUBBER],
    letsThrough: 'a scrub takes the disk from requests',
  },
  {
    name: 'scrub: goes on where the last process ended',
    file: 'libs/maintenance/src/store-scrub.ts',
    find: 'new ScrubPass(this.#context, { storeId, position: { kind, lastKey } })',
    replace: 'new ScrubPass(this.#context, { storeId, position: { kind, lastKey: lastKey.slice(0, 0) } })',
    tests: [SCRUBBER],
    letsThrough: 'a server that restarts often never reads the end of a store',
  },
];
