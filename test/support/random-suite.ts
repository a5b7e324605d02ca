/**
 * Applications of which chance decides, on servers of one kind: never two effects, never a false
 * word, nothing left behind; and the same answers as without the library.
 */
import { expect } from 'chai'
import * as fc from 'fast-check'
import { type AnyAnswer, compareAnswers, type ServeAnswer } from './random-answer.js'
import { applicationsOn } from './random-application.js'
import { FRAMEWORKS, serveFramework } from './random-framework.js'
import { frameworkAnswers, serveFrameworkAnswer } from './random-framework-answer.js'
import { KOAS, serveKoa } from './random-koa.js'
import { isKoaWord, koaAnswers, serveKoaAnswer } from './random-koa-answer.js'
import { type Planted, type Serve, tryApplication } from './random-trial.js'
import type { StoreKind } from './stores.js'

/** Servers of one kind. */
interface Kind<Given extends AnyAnswer> {
  readonly servers: readonly string[]
  readonly serve: Serve
  readonly answers: fc.Arbitrary<Given>
  readonly serveAnswer: ServeAnswer<Given>
  readonly isWord: (given: Given) => boolean
}

/** Koa, over both versions of HTTP. */
export const ON_KOA = {
  ...{ servers: KOAS, serve: serveKoa, isWord: isKoaWord },
  ...{ answers: koaAnswers, serveAnswer: serveKoaAnswer },
}

/** node:http, node:http2, Express, fetch and Hono. */
export const ON_FRAMEWORKS = {
  ...{ servers: FRAMEWORKS, serve: serveFramework, isWord: () => true },
  ...{ answers: frameworkAnswers(), serveAnswer: serveFrameworkAnswer },
}

/** That no application on a store does what none may do. Several are at work at once. */
export function effects<Given extends AnyAnswer>(
  { servers, serve }: Kind<Given>,
  store: StoreKind,
  planted?: Planted,
): fc.IAsyncPropertyWithHooks<[unknown]> {
  const some = fc.array(applicationsOn(servers, store), { minLength: 1, maxLength: 6, size: 'max' })
  return fc.asyncProperty(some, async all => {
    const wrong = await Promise.all(all.map(each => tryApplication(each, serve, planted)))
    expect(wrong.flat().join('; ')).to.equal('')
  })
}

/** That every application answers as it does without the library. */
export function words<Given extends AnyAnswer>({
  answers,
  serveAnswer,
  isWord,
}: Kind<Given>): fc.IAsyncPropertyWithHooks<[unknown]> {
  return fc.asyncProperty(answers, async each => {
    expect((await compareAnswers(each, serveAnswer, isWord)).join('; ')).to.equal('')
  })
}
