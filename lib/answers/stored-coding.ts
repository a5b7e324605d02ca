/**
 * The content coding of a stored answer, for a client that does not take it: whoever asked first
 * may have negotiated another one.
 *
 * @see RFC 9110 8.4, 12.5.3
 */
import { brotliDecompressSync, gunzipSync, inflateSync } from 'node:zlib'
import { type Outcome, recordedField } from '../engine/outcome.js'

/** What is needed of a request to choose a coding. */
export interface CodingChoice {
  /** The request's fields. */
  readonly headers: { readonly 'accept-encoding'?: string | string[] | undefined }
  /** Whether the request takes a coding. */
  acceptsEncodings(coding: string): string | false
}

/** The most that an answer may grow to, in bytes. */
const MOST_BYTES = 4 * 1_024 * 1_024

/**
 * Gives the coding of a stored answer that this request does not take.
 *
 * A request that names no codings takes all of them, but where they were negotiated it would have
 * been given none.
 *
 * @returns the field's value; `null` where the answer can be given as it is
 */
export function refusedCoding(request: CodingChoice, outcome: Outcome): string | null {
  const coding = recordedField(outcome, 'content-encoding')
  if (coding === null) return null
  const isNegotiated = /\baccept-encoding\b|\*/i.test(recordedField(outcome, 'vary') ?? '')
  if (request.headers['accept-encoding'] === undefined) return isNegotiated ? coding : null
  return codingsOf(coding).every(each => request.acceptsEncodings(each) !== false) ? null : coding
}

/**
 * Takes the coding off.
 *
 * @param coding - the value of `Content-Encoding`
 * @returns `null` where it is unknown here, the bytes are not in it, or they grow beyond 4 MiB
 */
export function withoutCoding(bytes: Buffer, coding: string): Buffer | null {
  try {
    return codingsOf(coding).reduceRight<Buffer>((coded, each) => {
      const decode = DECODERS[each]
      if (decode === undefined) throw new TypeError('unknown content coding')
      return decode(coded, { maxOutputLength: MOST_BYTES })
    }, bytes)
  } catch {
    return null
  }
}

const DECODERS: Readonly<
  Record<string, (bytes: Buffer, options: { maxOutputLength: number }) => Buffer>
> = { gzip: gunzipSync, deflate: inflateSync, br: brotliDecompressSync }

function codingsOf(field: string): readonly string[] {
  const codings = field.split(',').map(each => each.trim().toLowerCase().replace(/^x-/, ''))
  return codings.filter(each => each !== 'identity' && each !== '')
}
