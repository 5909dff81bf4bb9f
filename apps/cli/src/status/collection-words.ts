/** Why no garbage is collected: what is wrong and what helps, and what ends by itself. */
import type { CollectionStatus } from '#libs/client';

const GUIDE = 'docs/operations.md';

const HELD: Readonly<Record<string, string>> = {
  damaged_manifests: 'manifests could not be read when the catalog was rebuilt',
  log_was_gone: 'the log was gone at a start',
};

/** It ends by itself when every store was looked at, unless one of them knows files that the catalog does not. */
const UNSEEN = 'unseen_replicas';

export function wrongsOfCollection({ held_by: heldBy, awaited = [] }: CollectionStatus): string[] {
  const held = heldBy.filter((reason) => reason !== UNSEEN);
  const unknown = awaited.flatMap(({ store, unknown_manifests: count }) =>
    count === null || count === 0 ? [] : [`${count} on ${store}`],
  );
  return [
    ...(held.length === 0
      ? []
      : [
          `No garbage is collected: ${held.map((reason) => HELD[reason] ?? reason).join(', ')}. Put back what is missing; when nothing more can come back: ${GUIDE}, "Catalog lost".`,
        ]),
    ...(unknown.length === 0
      ? []
      : [
          `No garbage is collected: there are manifests of files that the rebuilt catalog does not know, ${unknown.join(', ')}. Bring these files back, or remove their manifests: ${GUIDE}, "A file that only a replica knows".`,
        ]),
  ];
}

export function waitsOfCollection({ held_by: heldBy, awaited = [] }: CollectionStatus): string[] {
  const unseen = awaited.filter(({ unknown_manifests: count }) => count === null).map(({ store }) => store);
  if (!heldBy.includes(UNSEEN) || unseen.length === 0) return [];
  return [
    `No garbage is collected yet: the catalog was rebuilt, and not all of ${unseen.join(', ')} was looked at since. That is done by itself, or by npm run repair.`,
  ];
}
