// What an event of a claude stream says to a person: one short line, or nothing. Text is not yet safe for a terminal.
import { numberAt, objectAt, objectsAt, textAt, type JsonObject } from '../lib/json.ts';
import { cut, firstLine } from '../lib/cut.ts';

const WIDTH = 200;

/** One line for a person, or null for what nobody needs to see. `cwd` makes paths short. */
export function describeEvent(event: JsonObject, cwd: string | null): string | null {
  switch (textAt(event, 'type') ?? '') {
    case 'assistant':
      return describeMessage(objectAt(event, 'message'), cwd);
    case 'system':
      return describeSystem(event);
    case 'rate_limit_event': {
      const info = objectAt(event, 'rate_limit_info');
      return textAt(info, 'status') === 'rejected' ? `usage limit (${textAt(info, 'rateLimitType') ?? 'unknown'})` : null;
    }
    case 'result':
      return event['is_error'] === true ? firstLine(textAt(event, 'result') ?? textAt(event, 'subtype') ?? 'failed', WIDTH) : null;
    default:
      return null;
  }
}

/** A tool call in a few words: `Edit src/a.ts`, `Bash npm test`. */
export function describeTool(name: string, input: JsonObject, cwd: string | null): string {
  const file = textAt(input, 'file_path') ?? textAt(input, 'notebook_path');
  const object = (file === null ? null : relative(file, cwd)) ?? textAt(input, 'command') ?? textAt(input, 'pattern') ?? textAt(input, 'path') ?? textAt(input, 'url') ?? textAt(input, 'query') ?? textAt(input, 'description');
  return cut(object === null ? name : `${name} ${firstLine(object, WIDTH)}`, WIDTH);
}

function describeMessage(message: JsonObject, cwd: string | null): string | null {
  const blocks = objectsAt(message, 'content');
  const said = blocks.map((block) => {
    if (textAt(block, 'type') === 'tool_use') return describeTool(textAt(block, 'name') ?? 'a tool', objectAt(block, 'input'), cwd);
    return textAt(block, 'type') === 'text' ? firstLine(textAt(block, 'text') ?? '', WIDTH) : '';
  });
  return said.find((line) => line !== '') ?? null;
}

function describeSystem(event: JsonObject): string | null {
  switch (textAt(event, 'subtype') ?? '') {
    case 'api_retry': {
      const delay = numberAt(event, 'retry_delay_ms');
      const wait = delay === null ? '' : ` in ${Math.ceil(delay / 1000)}s`;
      return `${textAt(event, 'error') ?? 'error'} (${numberAt(event, 'error_status') ?? 'no answer'}): the client tries again${wait}`;
    }
    case 'permission_denied':
      return `refused: ${firstLine(textAt(event, 'message') ?? textAt(event, 'tool_name') ?? 'a tool', WIDTH)}`;
    case 'model_fallback':
      return `model changed to ${textAt(event, 'fallback_model') ?? 'another one'}`;
    default:
      return null;
  }
}

function relative(file: string, cwd: string | null): string {
  return cwd !== null && file.startsWith(`${cwd}/`) ? file.slice(cwd.length + 1) : file;
}
