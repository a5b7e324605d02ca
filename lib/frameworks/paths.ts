/**
 * The paths of links and endpoints, and which of them a request is for: as much of a router as the
 * Koa layer asks for, with the same spelling of paths as `@koa/router` and Express 5.
 */
import type { Middleware } from 'koa'
import {
  compile,
  type MatchFunction,
  match,
  type ParamData,
  type PathFunction,
} from 'path-to-regexp'
import type { RouterLayer, RouterPort } from '../koa/link-paths.js'

/** What serves a request, and the parameters of its path. */
export interface Found {
  readonly serve: Middleware
  /** `null` where another router has matched the path. */
  readonly params: ParamData | null
}

/** Finds what serves a request; `null` where that is nobody here. */
export type Find = (method: string, path: string) => Found | null

/** Paths and what serves them. */
export class Paths implements RouterPort {
  readonly stack: PathLayer[] = []

  /** Serves every method at a path. @throws TypeError where the path is none */
  all(path: string, middleware: Middleware): void {
    this.stack.push(new PathLayer(path, null, middleware))
  }

  /** Serves POST at a path. @throws TypeError where the path is none */
  post(path: string, middleware: Middleware): void {
    this.stack.push(new PathLayer(path, 'POST', middleware))
  }

  /** What serves a request; `null` where that is nobody here. */
  find(method: string, path: string): Found | null {
    for (const layer of this.stack) {
      if (layer.method !== null && layer.method !== method) continue
      const params = layer.paramsOf(path)
      if (params !== null) return { serve: layer.serve, params }
    }
    return null
  }
}

class PathLayer implements RouterLayer {
  readonly path: string
  readonly method: string | null
  readonly serve: Middleware
  readonly #match: MatchFunction<ParamData>
  readonly #fill: PathFunction<ParamData>

  constructor(path: string, method: string | null, serve: Middleware) {
    this.path = path
    this.method = method
    this.serve = serve
    this.#match = match(path, { decode: decoded })
    this.#fill = compile(path)
  }

  url(params: Readonly<Record<string, string>>): string {
    return this.#fill(params)
  }

  match(path: string): boolean {
    return this.#match(path) !== false
  }

  paramsOf(path: string): ParamData | null {
    const found = this.#match(path)
    return found === false ? null : found.params
  }
}

/** A segment that cannot be decoded stands for itself: no link has it. */
function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment)
  } catch {
    return segment
  }
}
