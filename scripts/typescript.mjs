/** Lets Node run the TypeScript of this tree: `node --import ./scripts/typescript.mjs file.ts`. */
import module from 'node:module'
import * as hooks from './typescript-hooks.mjs'

// Node 20 has the second alone, and Node 26 warns of that.
if (module.registerHooks) module.registerHooks(hooks)
else module.register('./typescript-hooks.mjs', import.meta.url)
