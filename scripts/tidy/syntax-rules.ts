// Rules that need the syntax tree: how long functions are, and what stands in a barrel.
import ts from 'typescript';
import type { Finding, Rule } from './finding.js';

export const MAX_FUNCTION_LINES = 70;

const BARREL = /^libs\/[^/]+\/src\/index\.ts$/;

function parse(path: string, text: string): ts.SourceFile {
  return ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
}

function lineOf(source: ts.SourceFile, position: number): number {
  return source.getLineAndCharacterOfPosition(position).line + 1;
}

/** `describe` of `describe(…, node)`, and of `describe.each(table)(…, node)`; undefined where the node is no callback. */
function calledWith(node: ts.Node): string | undefined {
  if (!ts.isFunctionLike(node) || !ts.isCallExpression(node.parent)) return undefined;
  let callee: ts.Expression = node.parent.expression;
  while (
    ts.isCallExpression(callee) ||
    ts.isPropertyAccessExpression(callee) ||
    ts.isTaggedTemplateExpression(callee)
  ) {
    callee = ts.isTaggedTemplateExpression(callee) ? callee.tag : callee.expression;
  }
  return ts.isIdentifier(callee) ? callee.text : undefined;
}

/** A list of tests is as long as it has cases. */
const isListOfTests = (node: ts.Node): boolean => calledWith(node) === 'describe';

/** Measured on its own, so it does not count for the function around it: a contract suite is a function full of tests. */
const isTestBody = (node: ts.Node): boolean => ['describe', 'it', 'test'].includes(calledWith(node) ?? '');

function ownLines(source: ts.SourceFile, node: ts.Node): number {
  const lines = (part: ts.Node): number => lineOf(source, part.end) - lineOf(source, part.getStart(source)) + 1;
  let nested = 0;
  const subtract = (part: ts.Node): void => {
    if (isTestBody(part)) nested += lines(part);
    else ts.forEachChild(part, subtract);
  };
  ts.forEachChild(node, subtract);
  return lines(node) - nested;
}

export const functionLength: Rule = ({ path, text }) => {
  if (!/\.(ts|mjs)$/.test(path)) return [];
  const source = parse(path, text);
  const findings: Finding[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isFunctionLike(node) && 'body' in node && node.body !== undefined && !isListOfTests(node)) {
      const lines = ownLines(source, node);
      const message = `a function of ${lines} lines, more than ${MAX_FUNCTION_LINES}`;
      if (lines > MAX_FUNCTION_LINES) findings.push({ path, line: lineOf(source, node.getStart(source)), message });
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return findings;
};

export const barrelsOnlyReExport: Rule = ({ path, text }) => {
  if (!BARREL.test(path)) return [];
  const source = parse(path, text);
  return source.statements
    .filter((statement) => !ts.isExportDeclaration(statement) || statement.moduleSpecifier === undefined)
    .map((statement) => ({
      path,
      line: lineOf(source, statement.getStart(source)),
      message: 'a barrel holds nothing but `export … from`',
    }));
};
