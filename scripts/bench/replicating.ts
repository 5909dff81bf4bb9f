/** A server with two replicas and whoever makes the copies: a thread of it, or Redis and a process of `npm run worker`. */
import { join, resolve } from 'node:path';
import { ROOT } from '../run-program.js';
import { endProgram, startProgram } from './processes.js';
import { Redis } from './redis.js';
import { Server, settingsFor } from './server.js';
import { untilOutput } from './until-output.js';

const WORKER = resolve(ROOT, 'dist/apps/worker/src/main.js');

export type CopiedBy = 'a thread' | 'Redis and a worker';

/** Hands the running server to `use`; all of it has ended afterwards. */
export async function withReplication<T>(
  { installation, copiedBy }: { readonly installation: string; readonly copiedBy: CopiedBy },
  use: (server: Server) => Promise<T>,
): Promise<T> {
  await using ending = new AsyncDisposableStack();
  const settings: Record<string, string> = {};
  if (copiedBy === 'Redis and a worker') {
    const redis = await Redis.start(join(installation, 'redis'));
    ending.defer(() => redis.stop());
    settings['REDIS_URL'] = redis.url;
    settings['WORKERS'] = 'external';
  }
  const server = await Server.start(installation, { settings });
  ending.defer(() => server.kill());
  if (copiedBy === 'Redis and a worker') {
    const outputPath = join(installation, 'worker.log');
    const environment = { ...settingsFor(installation), ...settings };
    const worker = startProgram([process.execPath, '--enable-source-maps', WORKER], { environment, outputPath });
    ending.defer(() => endProgram(worker, 'SIGKILL'));
    await untilOutput(worker, { outputPath, text: 'taking jobs' });
  }
  // Awaited here: what is deferred ends the server as soon as this function returns.
  return await use(server);
}
