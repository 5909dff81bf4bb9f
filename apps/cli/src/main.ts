/**
 * The command line's entry. The runtime is checked before anything else is loaded, because under an older one the modules
 * below would fail with an error that says nothing of it.
 */
import module from 'node:module';
import { join } from 'node:path';

const REQUIRED_NODE = [22, 15] as const;

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < REQUIRED_NODE[0] || (major === REQUIRED_NODE[0] && minor < REQUIRED_NODE[1])) {
  process.stderr.write(
    `holdfast: Node.js ${REQUIRED_NODE.join('.')} or newer is needed, this is ${process.version}; run the command by npm run holdfast -- ….\n`,
  );
  process.exit(1);
}

// Most of a short command is loading modules. The same cache as the server's; where it cannot be written, nothing is lost.
module.enableCompileCache(join(import.meta.dirname, '../../../../node_modules/.cache/holdfast'));
// With a line of TypeScript in every frame of ours; the maps of hundreds of packages are not worth their reading.
module.setSourceMapsSupport(true, { nodeModules: false });

const { run } = await import('./run.js');
await run(process.argv);
