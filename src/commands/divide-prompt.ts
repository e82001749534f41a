// What an agent is told that divides a goal into tasks, and the manifest in what it answers. Pure.

/** The request. The agent only reads; its answer is checked, shown to a person, and run by nobody before that. */
export function dividePrompt(goal: string): string {
  return `Divide a goal into tasks for coding agents that work at the same time, each in its own git worktree and on its own
branch. Read this repository as far as you need to; change nothing.

The goal:

${goal.trim()}

Rules:
- Tasks are independent where that is possible: each writes its own files, and says which in \`paths\` (globs from the root).
- Where one needs the work of another, it says so in \`needs\`; it then starts from that work, merged.
- A prompt is complete in itself: the agent that gets it sees the repository and nothing of this conversation.
- \`verify\` is a shell command that exits 0 only if the work is right, and that works in this repository.
- As few tasks as the goal needs, and no task for what no agent has to do.

Answer with one YAML manifest in one \`\`\`yaml block, in this form, and with nothing after it:

\`\`\`yaml
version: 1
tasks:
  short-id:
    prompt: |
      What to do, with the names of files and functions, and what "done" means.
    paths: ["src/part/**"]
    verify: npm test
  another-id:
    needs: [short-id]
    prompt: …
\`\`\`
`;
}

/** The request to mend an answer. `answer` is repeated for agents that do not remember it. */
export function mendPrompt({ problems, goal, answer }: { readonly problems: string; readonly goal: string; readonly answer: string | null }): string {
  const wrong = `Your manifest cannot be used:\n\n${problems}\n\nAnswer with the whole manifest again, mended, in one \`\`\`yaml block.\n`;
  return answer === null ? wrong : `${dividePrompt(goal)}\nYou have answered this before with:\n\n${answer.slice(-20_000)}\n\n${wrong}`;
}

/** The last fenced block that may be a manifest, or the whole answer when it has no fence and begins like one; null = none. */
export function manifestIn(answer: string): string | null {
  const blocks = [...answer.matchAll(/^[ \t]*(`{3,}|~{3,})[ \t]*(\w*)[^\n]*\n([\s\S]*?)^[ \t]*\1[`~]*[ \t]*$/gm)];
  const fitting = blocks.filter(([, , language = '', text = '']) => /^(?:ya?ml|json|)$/i.test(language) && /^[ \t]*"?tasks"?:/m.test(text));
  const last = fitting.at(-1)?.[3];
  if (last !== undefined) return last;
  return blocks.length === 0 && /^(?:#.*\n|version:.*\n|name:.*\n|\s)*tasks:/.test(answer) ? answer : null;
}
