// How much of something a manifest may ask for: bounds that turn a slip into a message instead of a full disk.

/** Tasks that one task of a manifest may stand for. Ten times what anyone has asked for; a manifest may hold many such tasks. */
export const MAX_FAN_OUT = 20_000;
/** Tasks that `foreach.from` may make, unless `max-tasks` says otherwise. */
export const MAX_ADDED = 1000;
/** Bytes of one item of `context`. */
export const MAX_CONTEXT_ITEM = 256 * 1024;
/** Bytes of all `context` of a task. */
export const MAX_CONTEXT = 1024 * 1024;
/** Bytes of all prompts of a plan. */
export const MAX_PROMPTS = 64 * 1024 * 1024;
/** Bytes that a command of `foreach.lines`, or a file of `foreach.json`, may have. */
export const MAX_ITEMS_TEXT = 16 * 1024 * 1024;
