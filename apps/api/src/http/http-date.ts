/** Dates of HTTP headers (RFC 9110, section 5.6.7), to the second: one format is written, all three are read. */

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

const MONTH = `(?<month>${MONTHS.join('|')})`;
const TIME = '(?<hour>\\d\\d):(?<minute>\\d\\d):(?<second>\\d\\d)';
const SHORT_DAY = '(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)';
const LONG_DAY = '(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day';

const FORMATS = [
  // IMF-fixdate, RFC 850 and asctime, in this order. The name of the day says nothing that the date does not.
  new RegExp(`^${SHORT_DAY}, (?<day>\\d\\d) ${MONTH} (?<year>\\d{4}) ${TIME} GMT$`),
  new RegExp(`^${LONG_DAY}, (?<day>\\d\\d)-${MONTH}-(?<year>\\d\\d) ${TIME} GMT$`),
  new RegExp(`^${SHORT_DAY} ${MONTH} (?<day>[ \\d]\\d) ${TIME} (?<year>\\d{4})$`),
];

/** Of the year of an RFC 850 date: one that seems further ahead lies in the past. */
const MAX_YEARS_AHEAD = 50;

/** The time as a header carries it: whole seconds, the rest cut off. */
export function httpDate(timeMs: number): string {
  return new Date(timeMs).toUTCString();
}

/** Epoch milliseconds, or undefined where `text` is no HTTP-date and its header must be ignored. */
export function parseHttpDate(text: string, nowMs: number): number | undefined {
  const trimmed = text.trim();
  const groups = FORMATS.map((format) => format.exec(trimmed)?.groups).find((found) => found !== undefined);
  if (groups === undefined) return undefined;
  const { day = '', month = '', year = '', hour = '', minute = '', second = '' } = groups;
  const date = new Date(0);
  date.setUTCFullYear(fullYear(year, nowMs), MONTHS.indexOf(month), Number(day));
  // The 60th second is a leap second, and the first of the next minute here.
  const isReal = Number(hour) < 24 && Number(minute) < 60 && Number(second) <= 60 && date.getUTCDate() === Number(day);
  return isReal ? date.setUTCHours(Number(hour), Number(minute), Number(second)) : undefined;
}

function fullYear(year: string, nowMs: number): number {
  if (year.length === 4) return Number(year);
  const thisYear = new Date(nowMs).getUTCFullYear();
  const candidate = thisYear - (thisYear % 100) + Number(year);
  return candidate > thisYear + MAX_YEARS_AHEAD ? candidate - 100 : candidate;
}
