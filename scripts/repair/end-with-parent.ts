/**
 * Loaded before the server of an offline repair: it ends with the command that started it, however that ends. Without it a
 * command that is killed would leave a server behind, which nobody knows of, and which holds the locks.
 */
process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'));
