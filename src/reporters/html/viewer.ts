// The page's program and its style, put in by the build. From source there are none.
declare const __ORCH_VIEWER__: Viewer | undefined;

/** What runs in the report: one classic script and one style sheet, both to be written inline. */
export interface Viewer {
  readonly script: string;
  readonly style: string;
}

/** The viewer of this build; throws when run from source. */
export function requireViewer(): Viewer {
  if (typeof __ORCH_VIEWER__ !== 'object') throw new Error('the report viewer is part of the build only: npm run build');
  return __ORCH_VIEWER__;
}
