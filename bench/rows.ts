/** What is measured against what, and what we aim at. */

/** One kind of request. */
export type Work = 'page' | 'first' | 'reuse' | 'result' | 'forged'

/** One side of a comparison: a variant of the server, and what is asked of it. */
export interface Side {
  readonly variant: 'bare' | 'hand-memory' | 'hand-sqlite' | 'memory' | 'sqlite'
  readonly work: Work
}

/** One comparison. */
export interface Row {
  readonly id: string
  readonly title: string
  readonly ours: Side
  readonly base: Side
  /** The least ratio of throughputs that we aim at; `null` where the row only informs. */
  readonly target: number | null
}

const side = (variant: Side['variant'], work: Work): Side => ({ variant, work })

/** All comparisons, in the order of the table. */
export const ROWS: readonly Row[] = [
  {
    id: 'noise',
    title: 'bare Koa against itself',
    ours: side('bare', 'first'),
    base: side('bare', 'first'),
    target: null,
  },
  {
    id: 'mint',
    title: 'a page with one link, against the page without',
    ours: side('memory', 'page'),
    base: side('bare', 'page'),
    target: 0.93,
  },
  {
    id: 'forged',
    title: 'a forged link refused, against a bare POST',
    ours: side('memory', 'forged'),
    base: side('bare', 'first'),
    target: 1,
  },
  {
    id: 'first-memory',
    title: 'first use, memory, against Map + HMAC by hand',
    ours: side('memory', 'first'),
    base: side('hand-memory', 'first'),
    target: 0.95,
  },
  {
    id: 'first-memory-bare',
    title: 'first use, memory, against bare Koa',
    ours: side('memory', 'first'),
    base: side('bare', 'first'),
    target: null,
  },
  {
    id: 'reuse-memory',
    title: 'reuse (405), memory, against a bare POST',
    ours: side('memory', 'reuse'),
    base: side('bare', 'first'),
    target: 0.95,
  },
  {
    id: 'result-memory',
    title: 'GET of the result, memory, against a bare GET',
    ours: side('memory', 'result'),
    base: side('bare', 'result'),
    target: 0.95,
  },
  {
    id: 'first-sqlite',
    title: 'first use, sqlite FULL, against group commit + HMAC by hand',
    ours: side('sqlite', 'first'),
    base: side('hand-sqlite', 'first'),
    target: 0.95,
  },
  {
    id: 'first-sqlite-bare',
    title: 'first use, sqlite FULL, against bare Koa',
    ours: side('sqlite', 'first'),
    base: side('bare', 'first'),
    target: null,
  },
  {
    id: 'reuse-sqlite',
    title: 'reuse (405), sqlite, against the same by hand',
    ours: side('sqlite', 'reuse'),
    base: side('hand-sqlite', 'reuse'),
    target: 0.95,
  },
]
