/** What the answers at a POE resource must look like, state by state. */
import { expect } from 'chai'

/** The members of an `Allow` field. */
export function allowed(response: Response): string[] {
  return (response.headers.get('Allow') ?? '')
    .split(',')
    .map(method => method.trim())
    .sort()
}

/** 409 (503 allowed) with `Retry-After`: not decided yet; never 2xx, and never 405. */
export function expectBusy(response: Response): void {
  expect(response.status, 'a busy answer').to.be.oneOf([409, 503])
  expect(Number(response.headers.get('Retry-After')), 'Retry-After').to.be.at.least(1)
  expect(allowed(response)).to.not.include('POST')
}

/**
 * 405 with the way to the result, in `Link` and in the document.
 *
 * @param result - the URI-reference of the result
 * @param link - the POE resource that was asked
 */
export async function expectSpent(
  response: Response,
  result: string,
  link: string,
): Promise<Record<string, unknown>> {
  expect(response.status, 'a spent answer').to.equal(405)
  expect(allowed(response)).to.deep.equal(['GET', 'HEAD', 'OPTIONS'])
  const field = response.headers.get('Link') ?? ''
  expect(field).to.include(`<${result}>; rel="related urn:post-once-exactly:rel:result"`)
  expect(field).to.include(`anchor="${link}"`)
  expect(response.headers.get('Location'), 'no Location on a 405').to.equal(null)
  const document = (await response.json()) as Record<string, unknown>
  expect(document).to.include({ type: 'urn:post-once-exactly:problem:used', result })
  return document
}

/** Not spent: POST is still allowed. */
export function expectUnspent(response: Response, status: number): void {
  expect(response.status, 'a refusal that leaves the link unspent').to.equal(status)
  expect(allowed(response)).to.include('POST')
}

/**
 * A refusal with a problem type.
 *
 * @param type - the last part of the type
 */
export async function expectProblem(
  response: Response,
  status: number,
  type: string,
): Promise<Record<string, unknown>> {
  const document = (await response.json()) as Record<string, unknown>
  expect(document).to.include({ status, type: `urn:post-once-exactly:problem:${type}` })
  expect(response.status).to.equal(status)
  return document
}
