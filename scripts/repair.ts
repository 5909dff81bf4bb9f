/**
 * `npm run repair`: has a server compare every store with what it must hold, and mend it, and says how that ended. With
 * `--offline` the server is one of its own, on the directories of a stopped installation.
 */
import { ServerAddress } from '#libs/client';
import { findPackage, parseSettings } from '#libs/config';
import type { Settings } from '#libs/config';
import { EXIT, exitCodeOf } from '#libs/kernel';
import type { ExitCode } from '#libs/kernel';
import { Command, CommanderError } from 'commander';
import { AdminError, beginRepair, endOf } from './repair/admin.js';
import type { Operation, RepairResult } from './repair/admin.js';
import { OfflineServer, StartError } from './repair/offline.js';
import { ProgressBar } from './repair/progress-bar.js';
import { reportLines } from './repair/report.js';

interface Options {
  readonly store?: string;
  readonly deep?: true;
  readonly dryRun?: true;
  readonly json?: true;
  readonly offline?: true;
  readonly url?: string;
}

class Interrupted extends Error {
  constructor(what: string) {
    super(`interrupted; ${what}`);
    this.name = 'Interrupted';
  }
}

const command = new Command('repair')
  .description('Compare every store with what it must hold, mend it, and count what each of them holds then.')
  .option('--store <name>', 'only this store; `primary` is one too')
  .option('--deep', 'read everything against its SHA-256')
  .option('--dry-run', 'change nothing')
  .option('--json', 'print one JSON object and nothing else')
  .option('--offline', 'of a stopped server: its directories are locked, and its log is replayed first')
  .option('--url <url>', 'where the server is (HOLDFAST_URL; else HOST and PORT of the settings)')
  .exitOverride();

const EXIT_OF = { unreachable: EXIT.taken, refused: EXIT.usage, ended: EXIT.failed } as const;

process.exitCode = await run();

async function run(): Promise<ExitCode> {
  try {
    const options = command.parse().opts<Options>();
    if (options.offline && options.url !== undefined)
      command.error('error: --offline starts a server of its own; it takes no --url');
    return await (options.offline ? repairOffline(options) : repair(options, addressOf(options)));
  } catch (error) {
    return exitOf(error);
  }
}

/**
 * Throws `setting_invalid`. The key comes from the environment alone: a command line is seen by every user of the machine.
 * That of the settings is for the server of these settings: no other one is shown it.
 */
function addressOf({ url }: Options): ServerAddress {
  const { HOLDFAST_URL, HOLDFAST_API_KEY } = process.env;
  const named = url ?? (HOLDFAST_URL || undefined);
  if (named !== undefined) return new ServerAddress({ url: named, apiKey: HOLDFAST_API_KEY || undefined });
  const { host, port } = settings();
  const reachable = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host.includes(':') ? `[${host}]` : host;
  return new ServerAddress({ url: `http://${reachable}:${port}`, apiKey: ownKey() });
}

function settings(): Settings {
  return parseSettings(process.env, findPackage(import.meta.dirname).root);
}

/** Of the server that these settings make. */
function ownKey(): string | undefined {
  const { apiKeys, adminApiKeys } = settings();
  return process.env['HOLDFAST_API_KEY'] || (adminApiKeys[0] ?? apiKeys[0])?.key;
}

async function repairOffline(options: Options): Promise<ExitCode> {
  const apiKey = ownKey();
  const server = await OfflineServer.start(process.env);
  try {
    return await repair(options, new ServerAddress({ url: server.url, apiKey }));
  } finally {
    await server.stop();
  }
}

async function repair(options: Options, server: ServerAddress): Promise<ExitCode> {
  const { store, deep, dryRun, json, offline } = options;
  const operationId = await beginRepair(server, {
    ...(store === undefined ? {} : { store }),
    ...(deep ? { deep: 'true' } : {}),
    ...(dryRun ? { dry_run: 'true' } : {}),
  });
  const whatGoesOn = offline
    ? 'what was found is owed, and the next one goes on'
    : `the server goes on; GET /admin/operations/${operationId} tells how far it is`;
  const signal = interruption(whatGoesOn);
  const bar = new ProgressBar(process.stderr);
  let operation: Operation;
  try {
    operation = await endOf(server, operationId, { signal, moved: (share) => bar.draw(share) });
  } finally {
    bar.clear();
  }
  const { result } = operation;
  if (!isReport(result)) throw new AdminError('ended', 'The repair ended early; the log of the server says why.');
  const lines = json ? [JSON.stringify(result, null, 2)] : reportLines(result);
  for (const line of lines) process.stdout.write(`${line}\n`);
  return result.whole ? EXIT.done : EXIT.damaged;
}

function isReport(result: Operation['result']): result is RepairResult {
  return 'censuses' in result;
}

/** Aborted by a Ctrl-C; a second one ends the process at once. */
function interruption(whatGoesOn: string): AbortSignal {
  const controller = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => controller.abort(new Interrupted(whatGoesOn)));
  }
  return controller.signal;
}

function exitOf(error: unknown): ExitCode {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
  const message = error instanceof Error ? error.message : String(error);
  process.stderr.write(`repair: ${message.trim().replaceAll(/\s*\n\s*/g, '; ')}\n`);
  if (error instanceof Interrupted) return EXIT.interrupted;
  if (error instanceof StartError) return error.exitCode;
  if (error instanceof AdminError) return EXIT_OF[error.reason];
  return exitCodeOf(error);
}
