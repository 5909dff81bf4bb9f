/** `/docs`: the API described by itself, made from the controllers. The document alone is at `/docs-json`. */
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { DocumentBuilder, SwaggerModule } from '@nestjs/swagger';
import type { OpenAPIObject } from '@nestjs/swagger';

/** To be called before the application is initialised: routes can be added only until then. */
export function serveOpenApi(app: NestFastifyApplication, version: string): void {
  const config = new DocumentBuilder()
    .setTitle('Holdfast')
    .setDescription('A self-hosted file store that never loses an acknowledged write and shows its work.')
    .setVersion(version)
    .addBearerAuth({ type: 'http', scheme: 'bearer', description: 'An API key, where the server wants one.' })
    .addSecurityRequirements('bearer')
    .build();
  const document = SwaggerModule.createDocument(app, config);
  describeHead(document);
  openProbe(document);
  SwaggerModule.setup('docs', app, document, { customSiteTitle: 'Holdfast API' });
}

/** Supervisors ask for the process's health without a key. */
function openProbe({ paths }: OpenAPIObject): void {
  const probe = paths['/health']?.get;
  if (probe !== undefined) probe.security = [];
}

/** The router answers HEAD wherever it answers GET; no controller has a handler for it. */
function describeHead({ paths }: OpenAPIObject): void {
  for (const [path, operations] of Object.entries(paths)) {
    if (!/^\/(download|read)\//.test(path) || operations.get === undefined) continue;
    const { operationId, ...operation } = operations.get;
    operations.head = { ...operation, operationId: `${operationId ?? path}_head` };
  }
}
