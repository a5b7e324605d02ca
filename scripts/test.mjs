/**
 * `npm test`: installs what is missing, then runs mocha with the arguments given, for example
 * `npm test -- --grep RACE`. Where files are named, only those run; else all that `.mocharc.json`
 * names.
 */
import { existsSync, readFileSync } from 'node:fs'
import { fail, prepare, ROOT, run } from './prepare.mjs'

await prepare()
const given = process.argv.slice(2)
const mocha = 'node_modules/mocha/bin/mocha.js'
if (!existsSync(`${ROOT}${mocha}`)) fail('mocha is not installed: delete node_modules, try again.')
const args = namesFiles(given) ? [...configWithoutSpec(), ...given] : given
console.log(`> mocha ${args.join(' ')}`.trimEnd())
process.exitCode = await run(process.execPath, [mocha, ...args])

function namesFiles(list) {
  return list.some((argument, index) => {
    const isValue = index > 0 && /^(-[a-z]|--[a-z-]+)$/.test(list[index - 1] ?? '')
    return !argument.startsWith('-') && !isValue && /[*./]/.test(argument)
  })
}

/** The configuration as options: mocha would add the `spec` of its file to the files named. */
function configWithoutSpec() {
  const { spec: _, ...rest } = JSON.parse(readFileSync(`${ROOT}.mocharc.json`, 'utf8'))
  const options = Object.entries(rest).flatMap(([name, value]) =>
    [value].flat().map(one => (one === true ? `--${name}` : `--${name}=${one}`)),
  )
  return ['--no-config', ...options]
}
