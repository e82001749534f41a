// What each test of a file gets anew, and what must hold when it has ended.
import { afterEach, beforeEach, expect } from 'vitest';
import { killTagged, taggedSurvivors } from './hostile.ts';
import { createProcessRig, type ProcessRig } from './process-rig.ts';
import { endRuns, makeProject, type Project, type ProjectOptions } from './project.ts';
import { checkoutState } from './repo.ts';
import { makeRig, type Rig } from './workspace-rig.ts';

/** A repository with orch's configuration; what a failed test has left running is ended. */
export function eachProject(take: (project: Project) => void, options: ProjectOptions = {}): void {
  let project: Project;
  beforeEach(() => {
    project = makeProject(options);
    take(project);
  });
  afterEach(() => {
    endRuns(project);
    project.dispose();
  });
}

/** A rig for processes, of which none may be alive at the end, whatever it has done not to be found. */
export function eachProcessRig(take: (rig: ProcessRig) => void): void {
  let rig: ProcessRig;
  beforeEach(() => {
    rig = createProcessRig();
    take(rig);
  });
  afterEach(() => {
    const survivors = [...rig.survivors(), ...taggedSurvivors(rig.run)];
    killTagged(rig.run);
    rig.dispose();
    expect(survivors).toEqual([]);
  });
}

/** A rig for workspaces on a repository whose checkout must be as it was at the end. Returns what it was, for tests that change it themselves. */
export function eachWorkspaceRig(take: (rig: Rig) => void): { checkout: Record<string, string> } {
  let rig: Rig;
  const before = { checkout: {} };
  beforeEach(async () => {
    rig = await makeRig();
    before.checkout = checkoutState(rig.repo);
    take(rig);
  });
  afterEach(() => {
    try {
      expect(checkoutState(rig.repo)).toEqual(before.checkout);
    } finally {
      rig.repo.dispose();
    }
  });
  return before;
}
