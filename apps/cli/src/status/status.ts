/** `status`: asks a running server how it fares and says it on one screen. 0: nothing is wrong; 4: it does not mend itself. */
import { ClientError } from '#libs/client';
import type { HoldfastClient, Readiness } from '#libs/client';
import { EXIT } from '#libs/kernel';
import type { ExitCode } from '#libs/kernel';
import { connect } from '../files/server.js';
import type { ServerOptions } from '../files/server.js';
import { printJson, printLines } from '../terminal.js';
import { statusReport } from './status-words.js';
import type { ServerAnswers } from './server-answers.js';
import type { StatusLine } from './status-words.js';

export async function showStatus(_: string[], options: ServerOptions, signal: AbortSignal): Promise<ExitCode> {
  const client = connect(options);
  const answers = await ask(client, signal);
  const { lines, wrong } = statusReport(answers, Date.now());
  const { url, ready, replicas, log } = answers;
  if (options.json === true) printJson({ url, wrong, ready, replicas, log });
  else printLines(lines.map(process.stdout.isTTY && !process.env['NO_COLOR'] ? coloured : ({ text }) => text));
  return wrong.length === 0 ? EXIT.done : EXIT.damaged;
}

/** Throws what a server that is starting or stopping answers, as one that cannot be reached. */
async function ask(client: HoldfastClient, signal: AbortSignal): Promise<ServerAnswers> {
  const ready = await client.ready({ signal });
  assertServing(ready);
  const [replicas, log] = await Promise.all([client.replicasStatus({ signal }), client.logStatus({ signal })]);
  return { url: client.url, ready, replicas, log };
}

function assertServing({ reasons }: Readiness): void {
  const stage = reasons.find((reason) => reason === 'recovering' || reason === 'shutting_down');
  if (stage === undefined) return;
  const detail =
    stage === 'recovering' ? 'The server is recovering and does not serve yet.' : 'The server is shutting down.';
  throw new ClientError({ code: stage, detail, status: 503 });
}

const CODES: Readonly<Record<StatusLine['tone'], string>> = { plain: '', heading: '1', good: '32', bad: '31' };

function coloured({ text, tone }: StatusLine): string {
  return tone === 'plain' ? text : `\u001B[${CODES[tone]}m${text}\u001B[0m`;
}
