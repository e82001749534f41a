// `orch schema`: for editors and for programs that write manifests.
import { EXIT } from '../errors.ts';
import { toJsonSchema } from '../manifest/schema.ts';
import { printJson } from './terminal.ts';

export async function schemaCommand(args: { config?: boolean | undefined }): Promise<number> {
  printJson(toJsonSchema(args.config === true ? 'config' : 'manifest'));
  return await Promise.resolve(EXIT.ok);
}
