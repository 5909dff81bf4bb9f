/**
 * A real S3 server of the test's own: Ceph's gateway on one monitor, one manager and one storage daemon that keeps
 * everything in memory, all on loopback in a temporary directory. It takes some twenty seconds to come up.
 */
import { execFile, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { isInstalled } from '../server/required-program.js';

const run = promisify(execFile);

const PROGRAMS = [
  'radosgw',
  'ceph-mon',
  'ceph-mgr',
  'ceph-osd',
  'ceph',
  'ceph-authtool',
  'monmaptool',
  'radosgw-admin',
];
const START_LIMIT_MS = 90_000;

/** Why no gateway can be started here, or undefined. Throws with `REQUIRE_SERVICES=1`. */
export function whyNoRadosgw(): string | undefined {
  const missing = PROGRAMS.filter((program) => !isInstalled(program));
  return missing.length === 0 ? undefined : `${missing.join(', ')} not installed`;
}

export interface GatewayUser {
  readonly awsAccessKeyId: string;
  readonly awsSecretAccessKey: string;
}

export class Radosgw implements AsyncDisposable {
  readonly #directory: string;
  readonly #daemons: ChildProcess[] = [];
  #gateway: ChildProcess | undefined;
  #port = 0;

  private constructor(directory: string) {
    this.#directory = directory;
  }

  static async start(): Promise<Radosgw> {
    const gateway = new Radosgw(await mkdtemp(join(tmpdir(), 'holdfast-rgw-')));
    try {
      await gateway.#startCluster();
      await gateway.startGateway();
      return gateway;
    } catch (error) {
      await gateway[Symbol.asyncDispose]();
      throw error;
    }
  }

  get endpoint(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  async makeUser(name: string, ...limits: readonly string[]): Promise<GatewayUser> {
    const user = { awsAccessKeyId: `AK${name}`, awsSecretAccessKey: `secret-of-${name}` };
    const keys = ['--access-key', user.awsAccessKeyId, '--secret', user.awsSecretAccessKey];
    await this.#admin('user', 'create', '--uid', name, '--display-name', name, ...keys, ...limits);
    return user;
  }

  /** At most so many objects in each bucket of the user. */
  async limitObjects(name: string, objects: number): Promise<void> {
    const limit = ['--quota-scope', 'bucket', '--uid', name];
    await this.#admin('quota', 'set', '--max-objects', String(objects), ...limit);
    await this.#admin('quota', 'enable', ...limit);
  }

  /** On the same port as before, and with everything that was stored. */
  async startGateway(): Promise<void> {
    this.#gateway = this.#daemon('radosgw', '-n', 'client.rgw');
    const deadline = Date.now() + START_LIMIT_MS;
    while (
      !(await fetch(this.endpoint).then(
        () => true,
        () => false,
      ))
    ) {
      if (this.#gateway.exitCode !== null || Date.now() > deadline) throw new Error('radosgw does not answer');
      await sleep(100);
    }
  }

  async killGateway(): Promise<void> {
    await end(this.#gateway);
  }

  /** Stops answering, with every connection open; `SIGCONT` lets it go on. */
  signalGateway(signal: NodeJS.Signals): void {
    this.#gateway?.kill(signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const daemon of this.#daemons.toReversed()) await end(daemon);
    await rm(this.#directory, { recursive: true, force: true });
  }

  async #startCluster(): Promise<void> {
    for (const name of ['mon', 'osd.0', 'mgr.x', 'run', 'log']) await mkdir(join(this.#directory, name));
    const [first, second, port] = (await freePorts(3)) as [number, number, number];
    this.#port = port;
    const monitors = `[v2:127.0.0.1:${first},v1:127.0.0.1:${second}]`;
    await writeFile(join(this.#directory, 'ceph.conf'), configuration(this.#directory, { monitors, port }));
    const keyring = join(this.#directory, 'keyring');
    for (const [name, ...capabilities] of KEYS) {
      const caps = capabilities.flatMap((capability) => ['--cap', ...capability]);
      await run('ceph-authtool', ['--create-keyring', `${keyring}.${name}`, '--gen-key', '-n', name, ...caps]);
      if (name === 'mon.') await run('cp', [`${keyring}.${name}`, keyring]);
      else await run('ceph-authtool', [keyring, '--import-keyring', `${keyring}.${name}`]);
    }
    const map = join(this.#directory, 'monmap');
    await run('monmaptool', ['--create', '--fsid', randomUUID(), '--addv', 'a', monitors, map]);
    await this.#tool('ceph-mon', '--mkfs', '-i', 'a', '--monmap', map, '--keyring', keyring);
    this.#daemon('ceph-mon', '-i', 'a');
    await this.#tool('ceph', '-k', keyring, 'auth', 'import', '-i', keyring);
    this.#daemon('ceph-mgr', '-i', 'x');
    const osd = randomUUID();
    await this.#tool('ceph', '-k', keyring, 'osd', 'new', osd, '0');
    await this.#tool('ceph-osd', '-i', '0', '--mkfs', '--osd-uuid', osd);
    this.#daemon('ceph-osd', '-i', '0');
  }

  #daemon(program: string, ...parameters: readonly string[]): ChildProcess {
    const all = ['-f', '-c', join(this.#directory, 'ceph.conf'), ...parameters];
    const daemon = spawn(program, all, { stdio: 'ignore' });
    this.#daemons.push(daemon);
    return daemon;
  }

  async #tool(program: string, ...parameters: readonly string[]): Promise<void> {
    await run(program, ['-c', join(this.#directory, 'ceph.conf'), ...parameters], { timeout: START_LIMIT_MS });
  }

  async #admin(...parameters: readonly string[]): Promise<void> {
    await this.#tool('radosgw-admin', '-n', 'client.rgw', ...parameters);
  }
}

const ALL: readonly (readonly [string, string])[] = ['mon', 'osd', 'mgr'].map((service) => [service, 'allow *']);

const KEYS: readonly (readonly [string, ...(readonly (readonly [string, string])[])])[] = [
  ['mon.', ['mon', 'allow *']],
  ['client.admin', ...ALL],
  ['osd.0', ['mon', 'allow profile osd'], ['mgr', 'allow profile osd'], ['osd', 'allow *']],
  ['mgr.x', ['mon', 'allow profile mgr'], ['osd', 'allow *']],
  ['client.rgw', ['mon', 'allow rwx'], ['osd', 'allow rwx'], ['mgr', 'allow rw']],
];

function configuration(directory: string, { monitors, port }: { monitors: string; port: number }): string {
  return `[global]
mon host = ${monitors}
public network = 127.0.0.0/8
auth cluster required = cephx
auth service required = cephx
auth client required = cephx
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 8
osd crush chooseleaf type = 0
mon allow pool size one = true
mon data avail crit = 1
mon max pg per osd = 1000
keyring = ${directory}/keyring
run dir = ${directory}/run
admin socket = ${directory}/run/$name.$pid.asok
pid file = ${directory}/run/$name.pid
log file = ${directory}/log/$name.log
[mon.a]
mon data = ${directory}/mon
[osd]
osd data = ${directory}/osd.$id
osd objectstore = memstore
memstore device bytes = 1073741824
osd max object name len = 256
osd max object namespace len = 64
[mgr]
mgr data = ${directory}/mgr.x
[client.rgw]
rgw frontends = beast endpoint=127.0.0.1:${port}
rgw enable usage log = false
rgw bucket quota ttl = 0
`;
}

/** Free at the moment of asking, all different. */
async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map(async (server) => once(server.close(), 'close')));
  return ports;
}

/** What it had goes with its directory, so it need not be asked politely. */
async function end(daemon: ChildProcess | undefined): Promise<void> {
  if (daemon === undefined || daemon.exitCode !== null || daemon.signalCode !== null) return;
  const exited = once(daemon, 'exit');
  daemon.kill('SIGKILL');
  await exited;
}
