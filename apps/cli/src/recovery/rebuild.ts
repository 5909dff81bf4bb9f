/** `rebuild`: says what a new primary could be made of, and makes it only with `--yes`. */
import { catalogFilesAt } from '#libs/catalog';
import { findPackage, parseLocation, parseSettings } from '#libs/config';
import { nodeFileSystem } from '#libs/durable-fs';
import { EXIT } from '#libs/kernel';
import type { ExitCode } from '#libs/kernel';
import { planRebuild, rebuildPrimary } from '#libs/recovery';
import type { RebuildOptions, RebuildReport } from '#libs/recovery';
import { storePlaceOf } from '#libs/stores';
import type { StorePlace } from '#libs/stores';
import { Progress } from '../files/progress.js';
import { interruptible } from '../interruption.js';
import { stoppedInstallation } from '../stopped-installation.js';
import { printJson, printLines } from '../terminal.js';
import type { OutputOptions } from '../terminal.js';
import { planJson, planText, reportJson, reportText } from './rebuild-report.js';

export interface RebuildCommandOptions extends OutputOptions {
  readonly from: string;
  readonly complete?: true;
  readonly yes?: true;
}

/** A primary that nobody has agreed to rebuild yet, or that lacks something, is a difference: exit code 4. */
export async function rebuild({ from, complete, yes, json }: RebuildCommandOptions): Promise<ExitCode> {
  const stopped = stoppedInstallation();
  const settings = parseSettings(process.env, findPackage(import.meta.dirname).root);
  const command = (signal: AbortSignal): RebuildOptions => ({
    ...stopped,
    source: sourceOf(from, stopped.replicas),
    from,
    others: complete === true ? 'taken' : 'named',
    catalogs: catalogFilesAt(nodeFileSystem, settings.catalogPath),
    signal,
    progress: () => undefined,
  });
  if (yes !== true) {
    const options = command(new AbortController().signal);
    const plan = await planRebuild(options);
    if (json === true) printJson(planJson(plan, options));
    else printLines(planText(plan, options));
    return EXIT.damaged;
  }
  const report = await interruptible((signal) => withProgress(command(signal)));
  if (json === true) printJson(reportJson(report));
  else printLines(reportText(report, complete === true ? 'taken' : 'named'));
  return isWhole(report, complete === true) ? EXIT.done : EXIT.damaged;
}

async function withProgress(options: RebuildOptions): Promise<RebuildReport> {
  const line = new Progress({ bytes: undefined, files: 0 });
  const all = line.file();
  try {
    return await rebuildPrimary({ ...options, progress: ({ bytes }) => all.at(bytes) });
  } finally {
    line.close();
  }
}

function isWhole({ damaged, lost, lacked }: RebuildReport, tookAll: boolean): boolean {
  return damaged.length === 0 && lost.length === 0 && (tookAll || lacked.length === 0);
}

/** The name of a replica of the settings, or a location as in REPLICAS, relative to where the caller is. */
function sourceOf(from: string, replicas: readonly { name: string; place: StorePlace }[]): StorePlace {
  const named = replicas.find(({ name }) => name === from);
  if (named !== undefined) return named.place;
  const settings = parseSettings(process.env, findPackage(import.meta.dirname).root);
  const location = parseLocation(from, process.env['INIT_CWD'] ?? process.cwd());
  return storePlaceOf(location, { fs: nodeFileSystem, access: settings });
}
