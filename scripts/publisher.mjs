/**
 * Before `npm publish`: whoever publishes is named in package.json, and nowhere else. The project
 * itself names no host and no person.
 */
import { readFileSync } from 'node:fs'
import { fail, ROOT } from './prepare.mjs'

const FIELDS = ['author', 'homepage', 'bugs', 'repository']

const described = JSON.parse(readFileSync(`${ROOT}package.json`, 'utf8'))
const missing = FIELDS.filter(name => !described[name])
if (missing.length > 0) {
  fail(
    `package.json does not say who publishes it: ${missing.join(', ')}. Fill them in once:\n` +
      "  npm pkg set author='...' homepage=https://... bugs.url=https://... repository.url=git+https://...",
  )
}
