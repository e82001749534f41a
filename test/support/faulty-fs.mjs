// Preloaded into orch (`node --import`): the N-th call of one kind on matching paths fails with a code of the operating
// system, and all after it or, with `<n>x<m>`,
// m of them. FAULTY_FS is `<call>:<n>:<code>:<pattern>`; calls are write, sync, open, mkdir, rename, link, writeFile.
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import process from 'node:process';

const [call, n, code, ...rest] = (process.env.FAULTY_FS ?? '').split(':');
const [first, times = Infinity] = n?.split('x').map(Number) ?? [];
const pattern = new RegExp(rest.join(':') || '^$');
const paths = new WeakMap();
let count = 0;

function check(name, file) {
  if (name !== call || !pattern.test(String(file))) return;
  count += 1;
  if (count >= first && count < first + times) throw Object.assign(new Error(`${code}: injected, ${name} '${file}'`), { code, path: String(file) });
}

const { promises } = fs;
for (const name of ['mkdir', 'rename', 'link', 'writeFile']) {
  const original = promises[name];
  promises[name] = async (...args) => {
    check(name, name === 'link' || name === 'rename' ? args[1] : args[0]);
    return await original.apply(promises, args);
  };
}
const open = promises.open;
let isPatched = false;
promises.open = async (file, ...args) => {
  check('open', file);
  const handle = await open.call(promises, file, ...args);
  paths.set(handle, file);
  if (!isPatched) {
    isPatched = true;
    const proto = Object.getPrototypeOf(handle);
    for (const [method, name] of [['write', 'write'], ['writeFile', 'write'], ['sync', 'sync'], ['datasync', 'sync']]) {
      const original = proto[method];
      proto[method] = async function faulty(...given) {
        if (paths.has(this)) check(name, paths.get(this));
        return await original.apply(this, given);
      };
    }
  }
  return handle;
};
const writeFile = fs.writeFile;
fs.writeFile = (file, ...args) => {
  try {
    check('writeFile', file);
  } catch (error) {
    process.nextTick(args.at(-1), error);
    return;
  }
  writeFile(file, ...args);
};
syncBuiltinESMExports();
