/** Lets Node run the TypeScript of this tree: `node --import ./scripts/typescript.mjs file.ts`. */
import { register } from 'node:module'

register('./typescript-hooks.mjs', import.meta.url)
