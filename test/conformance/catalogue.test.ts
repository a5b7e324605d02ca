/**
 * The catalogue as data: its shape, its ids, and that it leaves nothing out.
 */
import { readFileSync } from 'node:fs'
import { Ajv } from 'ajv'
import { expect } from 'chai'
import {
  CHECKS,
  type Check,
  CLIENT_REQUIREMENTS,
  DOOR_CHECKS,
  DOOR_REQUIREMENTS,
  DOORS,
  REQUIREMENTS,
  SCENARIOS,
} from 'post-once-exactly/conformance'
import { registered } from '../../lib/conformance/registered.js'
import { REGISTER_ROWS, registerRows } from '../../scripts/register-rows.js'

/** Members whose value is the name of a link or of an answer. */
const REFERENCES = [
  'link',
  'linked',
  'like',
  'statusOf',
  'resultOf',
  'partOf',
  'contentOf',
  'locationOf',
  'targetOf',
  'headOf',
  'differsFrom',
  'after',
  'of',
  'await',
  'answer',
  'revalidates',
]
/** The checks of all doors. */
const ALL_CHECKS = DOORS.flatMap(door => DOOR_CHECKS[door])
const DEMANDED = /MUST|SHOULD|^should$/

interface Row {
  readonly id: string
  readonly level: string
  readonly party: string
  readonly section: string
  readonly slice: string
}

describe('the catalogue', () => {
  const register = new Map(rowsIn('requirements.md').map(row => [row.id, row]))
  const validate = new Ajv({ allErrors: true }).compile(
    JSON.parse(noteText('catalogue.schema.json')),
  )

  it('is as its schema says', () => {
    validate(ALL_CHECKS)
    expect(validate.errors).to.equal(null)
  })

  it('its schema refuses what is no check', () => {
    const [first] = CHECKS
    const wrong: readonly object[] = [
      { ...first, id: 'POE-2-1' },
      { ...first, why: '' },
      { ...first, steps: [] },
      { ...first, steps: [{ send: { to: { link: 'L' } }, expect: [{ status: ['wrong'] }] }] },
      { ...first, steps: [{ send: { to: { link: 'L' } }, expect: [{ statu: ['405'] }] }] },
      { ...first, needs: ['luck'] },
      { ...first, party: 'server' },
    ]
    for (const one of wrong) expect(validate([one]), JSON.stringify(one)).to.equal(false)
  })

  it('every id is there once, and begins with its requirement', () => {
    const ids = ALL_CHECKS.map(({ id }) => id)
    expect(new Set(ids).size).to.equal(ids.length)
    for (const { id, requirement } of ALL_CHECKS) expect(id.split('/')[0]).to.equal(requirement)
  })

  it('ids are append-only: the list in the notes has them all, and no other', () => {
    const rows = tableIn('checks.md').filter(([, title]) => title !== '*withdrawn*')
    const live = rows.map(([id = '']) => id)
    const all = [...ALL_CHECKS, ...SCENARIOS.flatMap(({ checks }) => checks)]
    expect(all.map(({ id }) => id).sort()).to.deep.equal(live.sort())
  })

  it('requirements are those of the register, and typed once', () => {
    const rows = readFileSync(REGISTER_ROWS, 'utf8')
    expect(rows, 'run scripts/register-rows.ts --write').to.equal(registerRows())
    const cases = new Set(tableIn('cases.md').map(([id]) => id))
    const siblings = [...DOOR_REQUIREMENTS.values()].filter(({ id }) => !cases.has(id))
    expect(siblings.length).to.be.greaterThan(10)
    const all = [...REQUIREMENTS.values(), ...CLIENT_REQUIREMENTS.values(), ...siblings]
    for (const { id, level, party } of all) {
      expect(register.get(id)).to.include({ level, party })
    }
    expect(() => registered('POE-2-12', ['server'])).to.throw(/no POE-2-12 for server/)
  })

  it('every requirement has a check, and every check a requirement', () => {
    const used = new Set(CHECKS.map(({ requirement }) => requirement))
    expect([...REQUIREMENTS.keys()].sort()).to.deep.equal([...used].sort())
    const ofDoors = DOORS.filter(door => door !== 'poe').flatMap(door => DOOR_CHECKS[door])
    const siblings = new Set(ofDoors.map(({ requirement }) => requirement))
    expect([...DOOR_REQUIREMENTS.keys()].sort()).to.deep.equal([...siblings].sort())
    const clients = SCENARIOS.flatMap(({ checks }) => checks.map(({ id }) => id.split('/')[0]))
    expect([...CLIENT_REQUIREMENTS.keys()].sort()).to.deep.equal([...new Set(clients)].sort())
  })

  it('has every MUST and SHOULD, but for what no black box can tell', () => {
    const demanded = (parties: RegExp) =>
      [...register.values()]
        .filter(({ id, party }) => /^(?:POE|H)-/.test(id) && parties.test(party))
        .filter(({ level }) => DEMANDED.test(level))
        .map(({ id }) => id)
    const ofServers = demanded(/server|both/)
    const ofClients = demanded(/client|user agent/)
    expect(ofServers.length).to.be.greaterThan(20)
    expect(ofClients.length).to.be.greaterThan(8)
    const dark = tableIn('black-box.md', /## Sentences/).map(([id = '']) => id)
    const missing = [
      ...ofServers.filter(id => !REQUIREMENTS.has(id)),
      ...ofClients.filter(id => !CLIENT_REQUIREMENTS.has(id)),
    ]
    expect(missing).to.deep.equal(dark)
  })

  it('core has what is demanded, full what is recommended, safe the rest', () => {
    for (const { id, level, profile } of [
      ...REQUIREMENTS.values(),
      ...DOOR_REQUIREMENTS.values(),
    ]) {
      const isSpoken = /^(?:MUST|SHOULD)/.test(level) || level === 'should'
      if (/^MUST/.test(level)) expect(profile, id).to.equal('core')
      else if (isSpoken) expect(profile, id).to.equal('full')
    }
  })

  it('names nothing that no step before has made', () => {
    for (const check of ALL_CHECKS) expect(unknownNames(check), check.id).to.deep.equal([])
    const [first] = CHECKS
    const stray = { send: { to: { link: 'M' } }, expect: [{ contentOf: 'second' }] }
    expect(unknownNames({ ...(first as Check), steps: [stray] })).to.deep.equal(['M', 'second'])
  })
})

/** Links and answers that a check speaks of before they exist. */
function unknownNames({ steps }: Check): string[] {
  const known = new Set<string>()
  const unknown: string[] = []
  for (const step of steps) {
    // In a race the first answer that accepts has a name.
    if ('race' in step) known.add('accepted')
    // And so has what a link was used with.
    if ('used' in step) known.add('first')
    const text = JSON.stringify(step)
    const speaksOf = new RegExp(`"(?:${REFERENCES.join('|')})":"([^"]*)"`, 'g')
    for (const [, name = ''] of text.matchAll(speaksOf)) if (!known.has(name)) unknown.push(name)
    if ('mint' in step) known.add(step.mint)
    if ('send' in step && step.as !== undefined) known.add(step.as)
  }
  return unknown
}

function rowsIn(name: string): Row[] {
  return tableIn(name).map(([id = '', level = '', party = '', section = '', , slice = '']) => {
    return { id, level, party, section, slice }
  })
}

/** The rows of all tables whose first cell is an id, as far as a heading. */
function tableIn(name: string, until?: RegExp): string[][] {
  const text = noteText(name)
  const end = until === undefined ? -1 : text.search(until)
  return text
    .slice(0, end < 0 ? undefined : end)
    .split('\n')
    .filter(line => /^\| [A-Z]+-[^|]*\d/.test(line))
    .map(line => line.slice(1, -1).split(' | '))
    .map(cells => cells.map(cell => cell.trim()))
}

function noteText(name: string): string {
  return readFileSync(new URL(`../../spec-notes/${name}`, import.meta.url), 'utf8')
}
