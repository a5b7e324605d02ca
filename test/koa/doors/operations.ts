/**
 * One operation at each door: how it is named, and how a request that names it is sent.
 */
import { createHash, randomUUID } from 'node:crypto'
import type { DoorsApp, DoorsSite } from './doors-app.js'

/** The doors. */
export const DOORS = [
  'link',
  'key',
  'stripe',
  'repeatable',
  'replay',
  'action',
  'condition',
  'content',
] as const

/** One of them. */
export type Door = (typeof DOORS)[number]

/** What a request is to say besides its name. */
export interface Say {
  readonly do?: string
  /** JSON, `{"n":1}` by default. */
  readonly json?: unknown
  readonly user?: string
  /** At the other application on the same store. */
  readonly twin?: boolean
  readonly headers?: Readonly<Record<string, string>>
  readonly signal?: AbortSignal
}

/** Where a request of an operation goes, and what it carries. */
export interface Name {
  readonly method: 'POST' | 'PUT'
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
}

/** One operation. */
export interface Operation {
  readonly id: string
  readonly name: Name
  send(say?: Say): Promise<Response>
  /** The same name, where it does not belong. */
  elsewhere(say?: Say): Promise<Response>
}

/** What an operation is to be. */
export type Variant = 'long' | 'short'

/** Makes an operation at a door. */
export async function operationAt(
  site: DoorsSite,
  door: Door,
  variant: Variant = 'long',
): Promise<Operation> {
  const id = randomUUID()
  const name = await nameAt(site.apps[0], door, variant, id)
  const to = (where: Name, say: Say = {}) => send(site, where, id, say)
  return {
    id,
    name,
    send: say => to(name, say),
    elsewhere: say => to({ ...name, path: elsewhere(door, name.path) }, say),
  }
}

/** Sends a request. */
export function send(
  { apps }: DoorsSite,
  { method, path, headers }: Name,
  id: string,
  say: Say = {},
): Promise<Response> {
  const { json = { n: 1 }, user = 'guest', twin = false, signal } = say
  return fetch(apps[twin ? 1 : 0].base + path, {
    method,
    redirect: 'manual',
    headers: {
      'Content-Type': 'application/json',
      'X-Op': id,
      'X-User': user,
      'X-Do': say.do ?? '',
      ...headers,
      // Content is what this door goes by.
      ...(headers['X-Identity'] !== undefined && { 'X-Identity': `${id} ${digest(json)}` }),
      ...say.headers,
    },
    body: JSON.stringify(json),
    ...(signal && { signal }),
  })
}

function digest(json: unknown): string {
  return createHash('sha256').update(JSON.stringify(json)).digest('hex')
}

async function nameAt(app: DoorsApp, door: Door, variant: Variant, id: string): Promise<Name> {
  const prefix = variant === 'short' ? 'short-' : ''
  const at = (path: string, headers: Record<string, string> = {}): Name => {
    return { method: 'POST', path: `/${prefix}${path}`, headers }
  }
  switch (door) {
    case 'link': {
      const links = (await (await fetch(`${app.base}/links`)).json()) as Record<string, string>
      const path = (variant === 'short' ? links.short : links.link) ?? ''
      return { method: 'POST', path, headers: {} }
    }
    case 'key':
      return at('keys', { 'Idempotency-Key': `"${id}"` })
    case 'stripe':
      return at('stripe', { 'Idempotency-Key': id })
    case 'repeatable': {
      const sent = new Date().toUTCString()
      const names = { 'Repeatability-Request-ID': id, 'Repeatability-First-Sent': sent }
      return at('repeatable', names)
    }
    case 'replay':
      return at('replay', { 'X-Request-Name': id })
    case 'action': {
      const issued = await fetch(`${app.base}/${prefix}actions`, { method: 'POST' })
      const path = issued.headers.get('Location') ?? ''
      return { method: 'PUT', path, headers: {} }
    }
    case 'condition':
      return at(`states/${id}`, { 'If-Match': '"v0"' })
    case 'content':
      return at('contents', { 'X-Identity': id })
  }
}

function elsewhere(door: Door, path: string): string {
  switch (door) {
    case 'link':
      return path.replace('/orders/', '/short-orders/')
    case 'action':
      return path.replace('/actions/', '/short-actions/')
    case 'condition':
      return `${path}-other`
    case 'key':
      return '/other-keys'
    default:
      return path.replace(/^\//, '/other-')
  }
}
