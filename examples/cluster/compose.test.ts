/**
 * compose.yaml, as far as it can be judged without containers: what it names is there, and its
 * command and environment start the shops behind nginx.
 */
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import { parse } from 'yaml'
import {
  freePort,
  listens,
  type ServerChild,
  startProgram,
} from '../../test/support/servers/programs.js'
import { readSettings } from '../shop/settings.js'

interface Service {
  readonly build?: { readonly context: string; readonly dockerfile_inline: string }
  readonly command?: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
  readonly volumes?: readonly string[]
  readonly depends_on?: readonly string[] | Readonly<Record<string, unknown>>
}
interface Compose {
  readonly services: Readonly<Record<string, Service>>
  readonly volumes: Readonly<Record<string, unknown>>
}

const HERE = fileURLToPath(new URL('.', import.meta.url))
const TEXT = readFileSync(join(HERE, 'compose.yaml'), 'utf8')
const NGINX = readFileSync(join(HERE, 'nginx.conf'), 'utf8')
const DEFAULT = /^\$\{\w+:-(.*)\}$/

function composeOf(text: string): Compose {
  return parse(text, { merge: true })
}

/** What the shops' image is made of, as paths of the checkout. */
function copiedIn({ build }: Service): string[] {
  const lines = build?.dockerfile_inline.matchAll(/^COPY (.+) \S+$/gm) ?? []
  return [...lines].flatMap(([, paths = '']) => paths.split(' '))
}

function faultsOf({ services, volumes }: Compose): string[] {
  const { nginx, postgres, 'shop-1': shop } = services
  const names = Object.keys(services)
  const wanted = [...new Set([...NGINX.matchAll(/\$\{(\w+)\}/g)].map(([, name]) => name))]
  const given = Object.keys(nginx?.environment ?? {}).filter(name => !name.startsWith('NGINX_'))
  const upstream = [...(nginx?.environment?.SERVERS ?? '').matchAll(/server ([\w-]+):(\d+)/g)]
  const needs = Object.values(services).flatMap(({ depends_on = [] }) =>
    Array.isArray(depends_on) ? depends_on : Object.keys(depends_on),
  )
  const mounts = Object.values(services).flatMap(({ volumes: own = [] }) => own)
  const isMountThere = (from: string) =>
    from.startsWith('.') ? existsSync(join(HERE, from)) : from in volumes
  const {
    POSTGRES_USER: user,
    POSTGRES_PASSWORD: password,
    POSTGRES_DB: db,
  } = postgres?.environment ?? {}
  const [, store] = DEFAULT.exec(shop?.environment?.POE_STORE ?? '') ?? []
  const root = join(HERE, shop?.build?.context ?? '')
  return [
    ...needs.filter(name => !names.includes(name)).map(name => `no service ${name}`),
    ...mounts.filter(mount => !isMountThere(mount.split(':')[0] ?? '')).map(each => `no ${each}`),
    ...copiedIn(shop ?? {})
      .filter(path => !existsSync(join(root, path)))
      .map(path => `no ${path}`),
    ...upstream
      .filter(([, name = '', port]) => services[name]?.environment?.PORT !== port)
      .map(([server]) => `no ${server}`),
    ...(upstream.length === 2 ? [] : ['nginx has not two shops']),
    ...(wanted.sort().join() === given.sort().join() ? [] : [`nginx: ${wanted} and ${given}`]),
    ...(store === `postgres://${user}:${password}@postgres:5432/${db}` ? [] : [`store ${store}`]),
  ]
}

describe('compose.yaml', function () {
  this.timeout(90_000)
  const compose = composeOf(TEXT)

  it('names what is there', () => {
    expect(faultsOf(compose)).to.deep.equal([])
  })

  it('its Redis is set as docs/redis.md says', () => {
    const guide = readFileSync(join(HERE, '../../docs/redis.md'), 'utf8')
    const [, settings = ''] = /```text\n([\s\S]*?)```/.exec(guide) ?? []
    const wanted = settings
      .trim()
      .split('\n')
      .map(line => line.split(/\s+/).slice(0, 2))
    const given = compose.services.redis?.command?.join(' ')
    expect(wanted).to.have.lengthOf(3)
    for (const [name, value] of wanted) expect(given).to.contain(`--${name} ${value}`)
  })

  it('what is missing is noticed', () => {
    for (const [from, to] of [
      ['depends_on: [shop-1, shop-2]', 'depends_on: [shop-1, shop-3]'],
      ['server shop-2:3000', 'server shop-2:3001'],
      ['- ./nginx.conf', '- ./ngin.conf'],
      ['COPY lib lib', 'COPY libs lib'],
      ['READ_TIMEOUT', 'TIMEOUT'],
      ['POSTGRES_PASSWORD: shop', 'POSTGRES_PASSWORD: shops'],
    ] as const) {
      expect(TEXT).to.contain(from)
      expect(faultsOf(composeOf(TEXT.replace(from, to))), to).to.have.lengthOf(1)
    }
  })

  it('its command and environment start a shop, of what its image is made of', async () => {
    const shop = compose.services['shop-1'] ?? {}
    const folder = mkdtempSync(join(tmpdir(), 'once-image-'))
    let child: ServerChild | null = null
    try {
      const root = join(HERE, shop.build?.context ?? '')
      for (const path of copiedIn(shop)) {
        cpSync(join(root, path), join(folder, path), { recursive: true })
      }
      symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
      const [, ...args] = shop.command ?? []
      const port = await freePort()
      const env = { ...shop.environment, PORT: String(port), POE_STORE: 'memory:' }
      expect(readSettings(env).host).to.equal('0.0.0.0')
      child = startProgram(process.execPath, args, { cwd: folder, env })
      await listens(port, 60_000)
      const page = await fetch(`http://127.0.0.1:${port}/basket`)
      expect(page.headers.get('POE-Links')).to.match(/^"\/orders\/once\//)
    } finally {
      await child?.end()
      rmSync(folder, { recursive: true })
    }
  })
})
