import { setImmediate } from 'node:timers';
import { systemError } from '../../src/system-error.js';
import { Faults, type Fault, type FaultOperation } from './faults.js';

/** The instant before an operation that changes the disk or syncs it, or tries to and fails without an effect. */
export interface Boundary {
  /** How many such operations were done before; one that failed without an effect is not among them. */
  readonly number: number;
  readonly operation: FaultOperation;
  readonly path: string;
}

export type BoundaryListener = (boundary: Boundary) => void;

/**
 * Every call on a crash file system passes here: faults are thrown, boundaries are numbered and announced, and nothing
 * passes once the machine is off.
 *
 * A boundary is announced before its operation: by then every answer that rests on the operations before it has been
 * given, so "what was acknowledged, and what does the disk hold" is asked at its hardest. After the last operation
 * nobody announces; the test takes that snapshot itself.
 */
export class OperationGate {
  readonly faults = new Faults();
  #listeners: BoundaryListener[] = [];
  #operationCount = 0;
  #isHalted = false;

  get operationCount(): number {
    return this.#operationCount;
  }

  get isHalted(): boolean {
    return this.#isHalted;
  }

  halt(): void {
    this.#isHalted = true;
  }

  onBoundary(listener: BoundaryListener): void {
    this.#listeners.push(listener);
  }

  /** Throws where the machine is off. */
  checkRunning(operation: FaultOperation, path: string): void {
    if (this.#isHalted) throw systemError('ENODEV', { syscall: operation, path });
  }

  /** For calls that may fail half done: the planned fault is returned. */
  takeFault(operation: FaultOperation, path: string): Fault | undefined {
    this.checkRunning(operation, path);
    return this.faults.take(operation, path);
  }

  /** For calls that fail without an effect. */
  admit(operation: FaultOperation, path: string): void {
    const fault = this.takeFault(operation, path);
    if (fault !== undefined) throw fault.error;
  }

  /** Runs one operation that was admitted. An effect that throws changed nothing and is not counted. */
  mutate<T>(operation: FaultOperation, path: string, effect: () => T): T {
    for (const listener of this.#listeners) listener({ number: this.#operationCount, operation, path });
    // A listener may have cut the power.
    this.checkRunning(operation, path);
    const result = effect();
    this.#operationCount += 1;
    return result;
  }

  /**
   * A sync takes its time: other operations run meanwhile and are not covered by it, and until its end nothing is
   * durable. `end` is told how it went and applies it.
   */
  async sync(operation: FaultOperation, path: string, end: (result: 'succeeded' | 'failed') => void): Promise<void> {
    const fault = this.takeFault(operation, path);
    // Imported by name: fake timers replace the global one, and no time has to pass here.
    await new Promise<void>((resolve) => setImmediate(resolve));
    this.checkRunning(operation, path);
    this.mutate(operation, path, () => end(fault === undefined ? 'succeeded' : 'failed'));
    if (fault !== undefined) throw fault.error;
  }
}
