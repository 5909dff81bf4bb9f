// Refuses to go on under a Node.js that Holdfast cannot run on. Plain JavaScript of an old dialect, because the runtime
// that has to understand this file is the very one that is too old. npm puts `node_modules/.bin` first on the PATH, so
// where the optional package with Node 24 is installed this passes whatever the system's own node is.

const REQUIRED = [22, 15];

/** The sentence that says what is wrong and what to do, or undefined where the version will do. */
export function refusal(version, platform, arch) {
  const [major, minor] = version.replace('v', '').split('.').map(Number);
  if (major > REQUIRED[0] || (major === REQUIRED[0] && minor >= REQUIRED[1])) return undefined;
  const packaged = platform === 'linux' && (arch === 'x64' || arch === 'arm64');
  const remedy = packaged
    ? `run \`npm ci\` without \`--omit=optional\`, which brings Node.js 24 as the package node-linux-${arch}`
    : `install Node.js 24, since npm has no packaged one for ${platform} on ${arch}`;
  return `Holdfast needs Node.js ${REQUIRED.join('.')} or newer, but this is ${version}: ${remedy}, then run the command again through npm.`;
}

if (process.argv[1] !== undefined && process.argv[1].endsWith('check-runtime.mjs')) {
  const message = refusal(process.version, process.platform, process.arch);
  if (message !== undefined) {
    console.error(message);
    process.exitCode = 1;
  }
}
