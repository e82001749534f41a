// The schema for editors says the same as the parser.
import { describe, expect, it } from 'vitest';
import { headSchema, manifestSchema, taskSchema, toJsonSchema } from '../../../src/manifest/schema.ts';

interface JsonSchema {
  readonly $schema?: string;
  readonly type?: unknown;
  readonly pattern?: string;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: JsonSchema | false;
  readonly anyOf?: readonly JsonSchema[];
}
const schema = toJsonSchema() as JsonSchema;

describe('toJsonSchema', () => {
  it('is draft 7, and knows the keys of the manifest and of a task', () => {
    expect(schema.$schema).toBe('http://json-schema.org/draft-07/schema#');
    expect(Object.keys(schema.properties ?? {}).toSorted()).toEqual(Object.keys(headSchema.shape).toSorted());
    expect(schema.required).toEqual(['tasks']);
    expect(schema.additionalProperties).toBe(false);
    const task = schema.properties?.['defaults'];
    expect(Object.keys(task?.properties ?? {}).toSorted()).toEqual(Object.keys(taskSchema.shape).filter((key) => key !== 'strategy' && key !== 'foreach').toSorted());
    expect(task?.additionalProperties).toBe(false);
  });
  it('describes what people type and not what it becomes', () => {
    const { timeout, needs, env } = schema.properties?.['defaults']?.properties ?? {};
    expect(new RegExp(timeout?.pattern ?? '').test('20m')).toBe(true);
    expect(needs?.anyOf?.map(({ type }) => type)).toEqual(['string', 'array']);
    expect(env?.additionalProperties).toMatchObject({ type: ['string', 'number', 'boolean'] });
  });
  it('is plain JSON, for both files', () => {
    expect(JSON.parse(JSON.stringify(schema))).toEqual(schema);
    expect(Object.keys((toJsonSchema('config') as JsonSchema).properties ?? {})).toEqual(expect.arrayContaining(['worktrees', 'env', 'agents', 'isolation', 'sandbox', 'defaults', 'max-parallel']));
  });
  it('takes the smallest manifest', () => {
    expect(manifestSchema.safeParse({ tasks: ['Fix it'] }).success).toBe(true);
  });
});
