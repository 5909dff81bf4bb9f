/** `adopt`: says what stands at the place of a replica, and takes it as that replica only with `--yes`. */
import { EXIT } from '#libs/kernel';
import type { ExitCode } from '#libs/kernel';
import { adoptReplica, planAdoption } from '#libs/recovery';
import type { Adoption } from '#libs/recovery';
import { stoppedInstallation } from '../stopped-installation.js';
import { printJson, printLines } from '../terminal.js';
import type { OutputOptions } from '../terminal.js';

export interface AdoptCommandOptions extends OutputOptions {
  readonly yes?: true;
}

/** A replica that nobody has agreed to adopt yet is a difference: exit code 4. */
export async function adopt(name: string, { yes, json }: AdoptCommandOptions): Promise<ExitCode> {
  const options = { ...stoppedInstallation(), name };
  const adoption = yes === true ? await adoptReplica(options) : await planAdoption(options);
  if (json === true) printJson(adoptionJson(adoption, name));
  else printLines(adoptionText(adoption, name));
  return adoption.kind === 'not_needed' || adoption.storeId !== undefined ? EXIT.done : EXIT.damaged;
}

const commandOf = (name: string): string => `npm run holdfast -- adopt ${name} --yes`;

function adoptionJson({ kind, location, found, files, deleted, unknown, storeId }: Adoption, name: string): object {
  const outcome = kind === 'not_needed' ? 'not_needed' : storeId === undefined ? 'planned' : 'done';
  return {
    outcome,
    kind,
    name,
    url: location,
    found: found === undefined ? null : { store_id: found.storeId, name: found.name },
    files,
    deleted_meanwhile: deleted,
    unknown,
    store_id: storeId ?? null,
    command: outcome === 'planned' ? commandOf(name) : null,
  };
}

function* adoptionText(adoption: Adoption, name: string): Generator<string> {
  const { kind, storeId } = adoption;
  yield foundText(adoption, name);
  if (kind === 'not_needed') {
    yield 'There is nothing to adopt: a start takes it as it is.';
    return;
  }
  const isDone = storeId !== undefined;
  yield* staleText(
    adoption,
    isDone
      ? ['are deleted there now', 'are in its corrupt/ now']
      : ['would be deleted there', 'would be moved to its corrupt/'],
  );
  if (isDone) {
    const filling = kind === 'make' ? 'it is filled' : 'what it has is proven, not copied again';
    yield `It is the replica ${name} now, as the store ${storeId}. The next start owes it every file; ${filling}.`;
    return;
  }
  yield `It would be the replica ${name} under a new id, and the next start would owe it every file. Nothing was changed yet.`;
  yield `  ${commandOf(name)}`;
}

function foundText({ kind, location, found, files, storeId }: Adoption, name: string): string {
  switch (kind) {
    case 'make':
      return storeId === undefined
        ? `${location} holds no store. If a disk should be mounted there, mount it instead.`
        : `${location} held no store.`;
    case 'not_needed':
      return `${location} is the store ${found!.storeId}, a replica that the primary knows.`;
    case 'copy':
      return `${location} is a copy of another store of this installation (${found!.name}), with ${files} files.`;
    case 'take':
      return `${location} is a store of this installation (${found!.name}) that is not ${name} any more, with ${files} files.`;
  }
}

function* staleText({ deleted, unknown }: Adoption, [removed, moved]: readonly string[]): Generator<string> {
  if (deleted.length > 0) yield `Files on it that were deleted meanwhile: ${deleted.length}; they ${removed}.`;
  if (unknown.length > 0) {
    yield `Files on it that nobody here knows: ${unknown.length}; their manifests ${moved}, where a person can look at them:`;
    for (const id of unknown.slice(0, 20)) yield `  ${id}`;
    if (unknown.length > 20) yield `  and ${unknown.length - 20} more; --json names all`;
  }
}
