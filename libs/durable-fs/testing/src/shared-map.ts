/** Above this many changes a map is copied whole: a lookup must stay one, and a share cheap. */
const MAX_CHANGES = 64;

/**
 * A map that can be shared for the price of its last changes. Thousands of disks are made from one snapshot and differ in
 * a few entries, so the rest is stored once. Entries are never removed.
 *
 * Invariant: `#base` is never modified once a second holder has it.
 */
export class SharedMap<Key, Value> {
  #base: ReadonlyMap<Key, Value> = new Map();
  #changes = new Map<Key, Value>();

  get(key: Key): Value | undefined {
    return this.#changes.get(key) ?? this.#base.get(key);
  }

  set(key: Key, value: Value): void {
    this.#changes.set(key, value);
  }

  share(): SharedMap<Key, Value> {
    if (this.#changes.size > MAX_CHANGES) {
      this.#base = new Map([...this.#base, ...this.#changes]);
      this.#changes = new Map();
    }
    const twin = new SharedMap<Key, Value>();
    twin.#base = this.#base;
    twin.#changes = new Map(this.#changes);
    return twin;
  }

  /** In no order. */
  forEach(visit: (value: Value, key: Key) => void): void {
    this.#base.forEach((value, key) => {
      if (!this.#changes.has(key)) visit(value, key);
    });
    this.#changes.forEach(visit);
  }
}
