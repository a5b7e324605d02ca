/**
 * Where the memory store keeps answer bodies: bounded in bytes, the longest unread dropped first.
 *
 * Small bodies share a segment of memory, and whole segments are dropped; a buffer for each body
 * would cost more than the body. A dropped body never takes its record with it.
 */
import { LRUCache } from 'lru-cache'

const LARGEST_SEGMENT_BYTES = 64 * 1_024
/** In a shared segment: 16 bits for where a body starts and 14 for its length. */
const LENGTH_BITS = 14
/** The body has a segment to itself. */
const WHOLE = -1
const SEGMENTS_AT_LEAST = 64

/** A stretch of memory that several bodies share. */
interface Segment {
  readonly id: number
  readonly bytes: Uint8Array
  /** How much of it has been given out. */
  used: number
  /** How many bodies in it are still wanted. */
  wanted: number
  /** Whether the cache has dropped it. */
  isGone: boolean
}

/** Where a body lies: two small integers, for the cache alone to read. */
export interface BodyPlace {
  readonly segment: number
  readonly place: number
}

/** Keeps bodies up to a total size. */
export class BodyCache {
  readonly #maxBytes: number
  readonly #segmentBytes: number
  readonly #segments: LRUCache<number, Segment>
  #open: Segment | null = null
  #nextId = 0

  /** @param maxBytes - all bodies together, at least 1 */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
    const share = Math.ceil(maxBytes / SEGMENTS_AT_LEAST)
    this.#segmentBytes = Math.min(LARGEST_SEGMENT_BYTES, share)
    this.#segments = new LRUCache({
      maxSize: maxBytes,
      sizeCalculation: segment => segment.bytes.byteLength,
      dispose: segment => {
        segment.isGone = true
      },
    })
  }

  /**
   * Copies a body into the cache.
   *
   * @param body - at least one byte
   * @returns its place, or `null` when it is larger than the whole cache
   */
  put(body: Uint8Array): BodyPlace | null {
    if (body.byteLength > this.#maxBytes) return null
    const isWhole = body.byteLength * 4 >= this.#segmentBytes
    const segment = isWhole ? this.#add(body.byteLength) : this.#segmentFor(body.byteLength)
    const start = segment.used
    segment.bytes.set(body, start)
    segment.used += body.byteLength
    segment.wanted += 1
    const place = isWhole ? WHOLE : (start << LENGTH_BITS) | body.byteLength
    return { segment: segment.id, place }
  }

  /**
   * Reads a body, which counts as a use.
   *
   * @returns a copy, or `null` when it was dropped
   */
  get({ segment: id, place }: BodyPlace): Uint8Array | null {
    const segment = this.#segments.get(id)
    if (segment === undefined) return null
    if (place === WHOLE) return segment.bytes.slice()
    const start = place >> LENGTH_BITS
    // Small ones go into Node's pool, which costs less than memory of their own.
    return Buffer.from(segment.bytes.subarray(start, start + (place & ((1 << LENGTH_BITS) - 1))))
  }

  /** Tells that nobody will ask for a body again. */
  forget({ segment: id }: BodyPlace): void {
    const segment = this.#segments.peek(id)
    if (segment === undefined) return
    segment.wanted -= 1
    if (segment.wanted > 0) return
    this.#segments.delete(segment.id)
    if (this.#open === segment) this.#open = null
  }

  #segmentFor(length: number): Segment {
    const open = this.#open
    const fits = open !== null && open.used + length <= open.bytes.byteLength
    // An open segment that the cache has dropped is full for good: nothing in it can be found.
    if (fits && !open.isGone) return open
    this.#open = this.#add(this.#segmentBytes)
    return this.#open
  }

  #add(length: number): Segment {
    const segment = {
      id: this.#nextId,
      bytes: new Uint8Array(length),
      used: 0,
      wanted: 0,
      isGone: false,
    }
    this.#nextId += 1
    this.#segments.set(segment.id, segment)
    return segment
  }
}
