// The program that file-system-calls.test.ts watches: each operation that promises durability, once. Argument: a directory.
import { join } from 'node:path';
import { nodeFileSystem } from '#libs/durable-fs';

const [, , directory = ''] = process.argv;
const bytes = Buffer.alloc(5000, 1);
const file = await nodeFileSystem.create(join(directory, 'file'));
await file.write(bytes, 0);
await file.dataSync();
await file.close();
// The file holds just these bytes; its page may all the same be one that was never written back.
await nodeFileSystem.refreshFiles([{ path: join(directory, 'file'), bytes }]);
await nodeFileSystem.syncDirectory(directory);
await nodeFileSystem.syncFileSystem(join(directory, 'file'));
