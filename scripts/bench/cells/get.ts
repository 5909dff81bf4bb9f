/** Downloads against nginx, the same bytes from the same disk's cache by the same client; every chunk of ours is verified. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Cell } from '../cell.js';
import { ratioAtLeast } from '../cell.js';
import { download } from '../load.js';
import type { LoadResult } from '../load.js';
import { Nginx, nginxMissing } from '../nginx.js';
import { ownProgram, runToEnd } from '../processes.js';
import { writeRandomFile } from '../random-file.js';
import { NO_REPLICAS, Server } from '../server.js';
import type { Bench } from './bench.js';

const KIB = 2 ** 10;
const MIB = 2 ** 20;
const GIB = 2 ** 30;
const FILE_NAME = 'file.bin';
const WARM_UP_SECONDS = 1;

export function getCells(bench: Bench): Cell[] {
  return [
    getCell(bench, { name: '1 GiB GET, 1 connection', sizeBytes: GIB, connections: 1, leastRatio: 0.7, per: 'MiB' }),
    getCell(bench, { name: '1 MiB GET, 8 connections', sizeBytes: MIB, connections: 8, leastRatio: 0.65, per: 'MiB' }),
    getCell(bench, {
      name: '4 KiB GET, 32 connections',
      sizeBytes: 4 * KIB,
      connections: 32,
      leastRatio: 0.2,
      per: 'request',
    }),
  ];
}

interface GetCell {
  readonly name: string;
  readonly sizeBytes: number;
  readonly connections: number;
  readonly leastRatio: number;
  readonly per: 'MiB' | 'request';
}

function getCell(bench: Bench, { name, sizeBytes, connections, leastRatio, per }: GetCell): Cell {
  const servers = new BothServers(bench, sizeBytes);
  const rate = async (url: string): Promise<number> => {
    await download(bench.workspace, { url, connections, seconds: WARM_UP_SECONDS });
    return rateOf(await download(bench.workspace, { url, connections, seconds: bench.seconds }), per);
  };
  return {
    name,
    unit: per === 'MiB' ? 'MiB/s' : '/s',
    bar: ratioAtLeast(leastRatio),
    diskBytes: 2 * sizeBytes + GIB / 4,
    missing: nginxMissing,
    prepare: () => servers.start(),
    measure: () => rate(servers.ours),
    reference: { name: 'nginx', measure: () => rate(servers.nginx) },
    finish: () => servers.stop(),
  };
}

function rateOf({ requests, bytes, seconds }: LoadResult, per: GetCell['per']): number {
  return (per === 'MiB' ? bytes / MIB : requests) / seconds;
}

/** The server and nginx, each with the same file. */
class BothServers {
  readonly #bench: Bench;
  readonly #sizeBytes: number;
  #server: Server | undefined;
  #nginx: Nginx | undefined;
  ours = '';
  nginx = '';

  constructor(bench: Bench, sizeBytes: number) {
    this.#bench = bench;
    this.#sizeBytes = sizeBytes;
  }

  async start(): Promise<void> {
    const directory = await this.#bench.workspace.newDirectory();
    const root = join(directory, 'plain');
    await mkdir(root);
    const path = join(root, FILE_NAME);
    await writeRandomFile(path, this.#sizeBytes);
    this.#server = await Server.start(await this.#bench.workspace.newDirectory(), NO_REPLICAS);
    const put = { operation: 'put', url: `${this.#server.url}/write?name=${FILE_NAME}`, count: 1, path };
    const { file_ids: fileIds } = JSON.parse(await runToEnd(ownProgram('transfers', JSON.stringify(put)))) as {
      file_ids: string[];
    };
    this.ours = `${this.#server.url}/download/${fileIds[0]!}`;
    await writeFile(join(root, 'probe'), 'up');
    this.#nginx = await Nginx.start({ directory: join(directory, 'nginx'), root, probe: 'probe' });
    this.nginx = `${this.#nginx.url}/${FILE_NAME}`;
    await this.#bench.workspace.settle();
  }

  async stop(): Promise<void> {
    await this.#nginx?.stop();
    await this.#server?.kill();
  }
}
