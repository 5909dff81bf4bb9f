/** `/docs`: the API described by itself, made from the controllers. The document alone is at `/docs-json`. */
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { DocumentBuilder, SwaggerModule } from '@nestjs/swagger';
import type { OpenAPIObject } from '@nestjs/swagger';
import { ProblemDetails } from './api-problems.js';

/** To be called before the application is initialised: routes can be added only until then. */
export function serveOpenApi(app: NestFastifyApplication, version: string): void {
  const config = new DocumentBuilder()
    .setTitle('Holdfast')
    .setDescription('A self-hosted file store that never loses an acknowledged write and shows its work.')
    .setVersion(version)
    .addBearerAuth({ type: 'http', scheme: 'bearer', description: 'An API key, where the server wants one.' })
    .addSecurityRequirements('bearer')
    .addTag('files', 'Store, list, read and delete files.')
    .addTag('health', 'Whether the process lives, and whether it keeps its promises.')
    .addTag('admin', 'What the server knows of itself; wants ADMIN_API_KEY where that is set.')
    .build();
  // Made when it is first asked for: few servers ever are, and all would start later.
  const documentOf = (): OpenAPIObject => {
    // Tags are those that the routes are given; by default every controller adds its class name.
    const document = SwaggerModule.createDocument(app, config, { autoTagControllers: false });
    describeHead(document);
    openProblems(document);
    openProbe(document);
    return document;
  };
  SwaggerModule.setup('docs', app, documentOf, { customSiteTitle: 'Holdfast API' });
}

/** Supervisors ask for the process's health without a key. */
function openProbe({ paths }: OpenAPIObject): void {
  const probe = paths['/health']?.get;
  if (probe !== undefined) probe.security = [];
}

/** A problem has further members by its code: the context of the error. */
function openProblems({ components }: OpenAPIObject): void {
  const problem = components?.schemas?.[ProblemDetails.name];
  if (problem !== undefined && !('$ref' in problem)) problem.additionalProperties = true;
}

/**
 * The router answers HEAD wherever it answers GET; no controller has a handler for it. Such an answer has no body, and no
 * part of one: Range is for GET (RFC 9110, section 14.2).
 */
function describeHead({ paths }: OpenAPIObject): void {
  for (const [path, operations] of Object.entries(paths)) {
    if (!/^\/(download|read)\//.test(path) || operations.get === undefined) continue;
    const { operationId, summary, responses, parameters = [], ...operation } = operations.get;
    const whole = Object.entries(responses).filter(([status]) => status !== '206' && status !== '416');
    operations.head = {
      ...operation,
      operationId: `${operationId ?? path}_head`,
      summary: `${summary ?? path}: the headers alone`,
      parameters: parameters.filter((each) => '$ref' in each || !['Range', 'If-Range'].includes(each.name)),
      responses: Object.fromEntries(whole.map(([status, response]) => [status, withoutContent(response)])),
    };
  }
}

function withoutContent<T>(response: T): T {
  const bodiless = { ...response };
  Reflect.deleteProperty(bodiless as object, 'content');
  return bodiless;
}
