/** nginx as Debian configures it, serving one directory: what a reader of plain files is used to. */
import type { ChildProcess } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort } from './free-port.js';
import { httpGet } from './http-get.js';
import { isInstalled } from './installed.js';
import { endProgram, startProgram } from './processes.js';

const START_TIMEOUT_MS = 10_000;
const POLL_MS = 20;

export const nginxMissing = (): string | undefined =>
  isInstalled('nginx') ? undefined : 'nginx is not installed (Debian: apt-get install nginx)';

export class Nginx {
  readonly #child: ChildProcess;
  readonly url: string;

  private constructor(child: ChildProcess, url: string) {
    this.#child = child;
    this.url = url;
  }

  /** Serves `root`, which holds a file named `probe`. `directory` takes its configuration and logs. */
  static async start({ directory, root, probe }: Record<'directory' | 'root' | 'probe', string>): Promise<Nginx> {
    await mkdir(directory, { recursive: true });
    const port = await freePort();
    const configuration = join(directory, 'nginx.conf');
    await writeFile(configuration, configurationFor({ directory, root, port }));
    const outputPath = join(directory, 'output');
    const child = startProgram(['nginx', '-c', configuration, '-e', join(directory, 'error.log')], { outputPath });
    const nginx = new Nginx(child, `http://127.0.0.1:${port}`);
    const deadlineMs = performance.now() + START_TIMEOUT_MS;
    while (performance.now() < deadlineMs) {
      const answer = await httpGet(`${nginx.url}/${probe}`).catch(() => undefined);
      if (answer?.status === 200) return nginx;
      await delay(POLL_MS);
    }
    await nginx.stop();
    throw new Error(`nginx does not serve ${probe}: see ${directory}`);
  }

  async stop(): Promise<void> {
    await endProgram(this.#child, 'SIGTERM');
  }
}

/** Debian's values where they matter to speed; as root its workers run as root, since the files are in a private place. */
function configurationFor({ directory, root, port }: { directory: string; root: string; port: number }): string {
  const user = process.getuid?.() === 0 ? 'user root;' : '';
  const places = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  const temporary = places.map((name) => `${name}_temp_path ${join(directory, name)};`).join('\n  ');
  return `daemon off;
${user}
worker_processes auto;
pid ${join(directory, 'pid')};
events { worker_connections 768; }
http {
  sendfile on;
  tcp_nopush on;
  types_hash_max_size 2048;
  default_type application/octet-stream;
  access_log ${join(directory, 'access.log')};
  ${temporary}
  server { listen 127.0.0.1:${port}; root ${root}; }
}
`;
}
