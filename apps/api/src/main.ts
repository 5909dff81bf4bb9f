/**
 * The API server's entry. The runtime is checked before anything else is loaded, because under an older one the modules
 * below would fail with an error that says nothing of it.
 */
import module from 'node:module';
import { join } from 'node:path';

const REQUIRED_NODE = [22, 15] as const;

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < REQUIRED_NODE[0] || (major === REQUIRED_NODE[0] && minor < REQUIRED_NODE[1])) {
  process.stderr.write(
    `holdfast: Node.js ${REQUIRED_NODE.join('.')} or newer is needed, this is ${process.version}; start the server by npm start.\n`,
  );
  process.exit(1);
}

// Most of what runs there waits for a disk. libuv reads it with the first call, which is behind this line.
process.env['UV_THREADPOOL_SIZE'] ??= '16';

// What V8 has compiled once is kept beside the modules it came from: a third of a start is compiling. Where the directory
// cannot be written the start only takes longer.
module.enableCompileCache(join(import.meta.dirname, '../../../../node_modules/.cache/holdfast'));
// With a line of TypeScript in every frame of ours; the maps of hundreds of packages are not worth their reading.
module.setSourceMapsSupport(true, { nodeModules: false });

const { run } = await import('./run.js');
await run();
