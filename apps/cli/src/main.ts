/**
 * The command line's entry. The runtime is checked before anything else is loaded, because under an older one the modules
 * below would fail with an error that says nothing of it.
 */
const REQUIRED_NODE = [22, 15] as const;

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < REQUIRED_NODE[0] || (major === REQUIRED_NODE[0] && minor < REQUIRED_NODE[1])) {
  process.stderr.write(
    `holdfast: Node.js ${REQUIRED_NODE.join('.')} or newer is needed, this is ${process.version}; run the command by npm run holdfast -- ….\n`,
  );
  process.exit(1);
}

const { run } = await import('./run.js');
await run(process.argv);
