// A client that waits for its provider by itself is stopped at once, so that the gate waits for all tasks.
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { agentsOf, makeProject } from '../support/project.ts';

// What Gemini CLI prints before it goes on for minutes.
const REFUSED = 'Attempt 1 failed with status 429. Retrying with backoff... _ApiError: {"error":{"code":429,"status":"RESOURCE_EXHAUSTED","message":"Slow down."}}';

test('no attempt is used up, what it had done is kept, and the run stops with 75 instead of waiting with it', async () => {
  const project = makeProject();
  const client = path.join(project.home, 'gemini.sh');
  writeFileSync(client, `#!/bin/sh
case "$*" in *--version*) echo 0.61.0; exit;; esac
echo '{"type":"init","session_id":"s1","model":"m"}'
echo half > half.txt
echo '${REFUSED}' >&2
exec tail -f /dev/null
`, { mode: 0o755 });
  project.commit('Configure', { '.orchestrator.yml': JSON.stringify({ agent: 'gemini', agents: { gemini: { command: [client] } } }) });
  const ended = await project.run(['run', 'x', '--timeout', '10m', '--max-wait', '1s']);
  expect(ended.code, ended.stderr).toBe(75);
  expect(ended.stderr).toContain('Slow down. (429): the client tries again');
  const [task] = (await project.status()).tasks;
  expect(task).toMatchObject({ outcome: 'cancelled', reason: 'rate-limited', attempts: 1, sessionId: 's1', filesChanged: 1 });
  expect(project.git('show', `${task?.ref}:half.txt`)).toBe('half');
  expect(agentsOf(project)).toEqual([]);
  project.dispose();
});
