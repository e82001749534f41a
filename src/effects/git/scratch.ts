// A new repository of our own, for `orch demo`.
import { gitClient } from './client.ts';

/** Makes a repository of what is in a folder, with one commit on `main`. Whoever runs it needs no identity. */
export async function createScratchRepository(folder: string, message: string): Promise<void> {
  const git = gitClient(folder);
  await git.raw(['init', '-q', '-b', 'main']);
  await git.addConfig('user.name', 'orch demo');
  await git.addConfig('user.email', 'orch@localhost');
  await git.add('.');
  await git.commit(message);
}
