// The program that file-system-calls.test.ts runs where no file may be this large. Argument: the file. Prints how it went.
import { nodeFileSystem } from '#libs/durable-fs';

const [, , path = ''] = process.argv;
const file = await nodeFileSystem.create(path);
const outcome = await file.write(Buffer.alloc(20_000, 1), 0).then(
  () => 'written',
  (error: NodeJS.ErrnoException) => error.code,
);
console.log(outcome);
