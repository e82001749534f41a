import { run } from 'orch';

const pages = ['start', 'config', 'api', 'faq', 'old'];
const tasks = Object.fromEntries(pages.map((page) => [page, `Write docs/${page}.md`]));
const docs = await run({ tasks }, { maxParallel: 5 });

for await (const event of docs) {
  if (event.type === 'phase-started' && event.task === 'old' && event.phase === 'work') await docs.cancel('old');
  if (event.type === 'task-settled') console.log(event.task, event.outcome);
}
const { exitCode, tasks: results } = await docs.result;
for (const { branch, filesChanged, outcome } of results) console.log(outcome, branch, filesChanged);
process.exitCode = exitCode;
