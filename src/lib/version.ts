// This program's version, put in by the build.
declare const __ORCH_VERSION__: string | undefined;

/** As in package.json; `0.0.0-source` when run from source. */
export const version: string = typeof __ORCH_VERSION__ === 'string' ? __ORCH_VERSION__ : '0.0.0-source';
