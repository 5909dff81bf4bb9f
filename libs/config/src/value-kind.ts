/**
 * What a setting's value may be. A kind reads the text of an environment variable and answers with the value or with
 * the reason why not; it never throws and never sees the environment, so each kind is tested by a table of texts.
 * `accepts` is the same rule in words: README and refusals print it, so the words cannot drift from the check.
 */

export type Parsed<T> = { readonly value: T } | { readonly problem: string };

export interface ValueKind<T> {
  /** Completes the sentence "The value is …". */
  readonly accepts: string;
  /** `packageRoot` is absolute; only kinds that hold paths look at it. */
  readonly parse: (text: string, packageRoot: string) => Parsed<T>;
}

export const accepted = <T>(value: T): Parsed<T> => ({ value });

/** `problem` completes the sentence "The value …", without the value itself: it may be a secret. */
export const refused = (problem: string): Parsed<never> => ({ problem });

/** A whole number in decimal digits. */
export function integerBetween(smallest: number, largest: number): ValueKind<number> {
  const accepts = `an integer from ${smallest} to ${largest}`;
  return {
    accepts,
    parse: (text) => {
      const value = Number(text);
      if (!/^(0|[1-9]\d*)$/.test(text) || value < smallest || value > largest) return refused(`is not ${accepts}`);
      return accepted(value);
    },
  };
}

/** One word of a closed list, in its exact spelling. */
export function oneOf<const Word extends string>(...words: readonly Word[]): ValueKind<Word> {
  const accepts = `one of ${words.join(', ')}`;
  return {
    accepts,
    parse: (text) => {
      const word = words.find((candidate) => candidate === text);
      return word === undefined ? refused(`is not ${accepts}`) : accepted(word);
    },
  };
}
