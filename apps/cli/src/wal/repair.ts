/** `wal repair`: says what a repair would keep, and does it only with `--yes`. */
import { EXIT } from '#libs/kernel';
import type { ExitCode } from '#libs/kernel';
import { planLogRepair, repairLog } from '#libs/recovery';
import { stoppedInstallation } from '../stopped-installation.js';
import { printJson, printLines } from '../terminal.js';
import type { OutputOptions } from '../terminal.js';
import { repairJson, repairText } from './repair-report.js';

export interface RepairCommandOptions extends OutputOptions {
  readonly yes?: true;
}

/** A damaged log that nobody has agreed to repair yet is a difference: exit code 4. */
export async function repair({ json, yes }: RepairCommandOptions): Promise<ExitCode> {
  const options = stoppedInstallation();
  const outcome = yes === true ? await repairLog(options) : await planLogRepair(options);
  if (json === true) printJson(repairJson(outcome));
  else printLines(repairText(outcome, options.walPath));
  return outcome.kind === 'planned' ? EXIT.damaged : EXIT.done;
}
