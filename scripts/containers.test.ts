// Holds docker-compose.yml and the Dockerfile to what a container engine would ask of them, and to what the programs in
// them ask: names that exist, files that exist, settings that the product knows and accepts.
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseSettings } from '#libs/config';

interface Service {
  readonly image?: string;
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string | number | null>>;
  readonly ports?: readonly string[];
  readonly volumes?: readonly string[];
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly deploy?: { readonly replicas: number };
  readonly healthcheck?: { readonly test?: readonly string[]; readonly disable?: boolean };
}

interface Compose {
  readonly services: Readonly<Record<string, Service>>;
  readonly volumes: Readonly<Record<string, unknown>>;
}

const ROOT = resolve(import.meta.dirname, '..');
const read = (name: string): string => readFileSync(join(ROOT, name), 'utf8');

// The parser that the OpenAPI pages of Nest come with.
const requireForSwagger = createRequire(createRequire(import.meta.url).resolve('@nestjs/swagger'));
const yaml = requireForSwagger('js-yaml') as { load(text: string): unknown };

const compose = yaml.load(read('docker-compose.yml')) as Compose;
const services = Object.entries(compose.services);
const dockerfile = read('Dockerfile');
const finalStage = dockerfile.slice(dockerfile.lastIndexOf('\nFROM '));

/** The environment of a program in the container: the image's, then the service's, with variables filled in. */
function environmentOf(service: Service): Record<string, string> {
  const image = /^ENV ((?:.*\\\n)*.*)$/m.exec(finalStage)?.[1] ?? '';
  const pairs = image.split(/[\s\\]+/).filter((pair) => pair.includes('='));
  // This parser leaves a merge key where it stands.
  const { '<<': shared, ...named } = service.environment ?? {};
  const own = Object.entries({ ...(shared as object | undefined), ...named }).filter(([, value]) => value !== null);
  return Object.fromEntries([
    ...pairs.map((pair) => pair.split(/=(.*)/s).slice(0, 2)),
    ...own.map(([name, value]) => [name, String(value).replaceAll(/\$\{[^}]*\}/g, 'a-secret-of-20-letters')]),
  ]) as Record<string, string>;
}

const service = (name: string): Service => compose.services[name]!;

describe('docker-compose.yml', () => {
  it('has the server, two workers, Redis and MinIO', () => {
    expect(services.map(([name]) => name)).toEqual(['api', 'worker', 'redis', 'minio']);
    expect(service('worker').deploy?.replicas).toBe(2);
  });

  it.each(services)('%s names volumes and services that exist', (_, { volumes = [], depends_on: needs = {} }) => {
    for (const volume of volumes) expect(Object.keys(compose.volumes)).toContain(volume.split(':')[0]);
    for (const [name, { condition }] of Object.entries(needs)) {
      expect(Object.keys(compose.services)).toContain(name);
      expect(condition).toBe('service_healthy');
      expect(service(name).healthcheck?.test).toBeDefined();
    }
  });

  it.each(services)('%s has a health check or says that it has none', (_, { healthcheck }) => {
    expect(healthcheck?.test?.[0] ?? healthcheck?.disable).toBeOneOf(['CMD', true]);
  });

  it.each(services)('%s can be reached from this machine alone', (_, { ports = [] }) => {
    for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:/);
  });

  it.each(['api', 'worker'])('%s starts with settings that are accepted', (name) => {
    const { REPLICAS, ...environment } = environmentOf(service(name));
    expect(REPLICAS).toBe('/data/replica1,minio=s3://holdfast?endpoint=http://minio:9000&region=us-east-1');
    const settings = parseSettings({ ...environment, REPLICAS: '/data/replica1' }, '/app');
    expect(settings).toMatchObject({ redisUrl: 'redis://redis:6379', storagePath: '/data/primary' });
  });

  it('leaves the copying to the workers', () => {
    expect(environmentOf(service('api'))['WORKERS']).toBe('external');
  });

  it('keeps the jobs on disk and drops none', () => {
    const command = service('redis').command?.join(' ');
    expect(command).toContain('--appendonly yes');
    expect(command).toContain('--maxmemory-policy noeviction');
  });
});

describe('the Dockerfile', () => {
  const programs = [finalStage.match(/^CMD (.*)$/m)?.[1] ?? '[]'].map((json) => JSON.parse(json) as string[]);

  it('starts programs that the build makes', () => {
    for (const command of [...programs, service('worker').command ?? []]) {
      const source = command
        .at(-1)!
        .replace(/^dist\//, '')
        .replace(/\.js$/, '.ts');
      expect(existsSync(join(ROOT, source)), source).toBe(true);
    }
  });

  it('copies what is there', () => {
    const copies = dockerfile.matchAll(/^COPY (?!--from)(.*) \S+$/gm);
    for (const [, sources = ''] of copies) {
      for (const source of sources.split(' ')) expect(existsSync(join(ROOT, source)), source).toBe(true);
    }
  });

  it('runs as nobody special', () => {
    expect(finalStage).toMatch(/^USER node$/m);
    expect(finalStage.indexOf('\nUSER ')).toBeLessThan(finalStage.indexOf('\nCMD '));
  });
});
