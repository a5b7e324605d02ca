/** The store contract at a place: on a version of a server, through a pooler, with a client. */
import type { StoreCase } from '../../../lib/testing/store-contract.js'
import { describeWith } from '../../support/servers/programs.js'

/** Where the contract is held. */
export interface ContractPlace {
  readonly title: string
  readonly cases: readonly StoreCase[]
  /** Starts what the stores need. */
  open(): Promise<void>
  close(): Promise<void>
}

/** Declares the contract at one place, where programs are installed. */
export function describeContract(programs: readonly string[], place: ContractPlace): void {
  describeWith(programs, place.title, () => {
    before(() => place.open())
    after(() => place.close())
    for (const { title, run } of place.cases) it(title, run)
  })
}

/**
 * Declares the contract at places side by side, since its cases mostly wait. At each place they run
 * one after the other, and those of all places begin with the first test.
 */
export function describeContracts(title: string, places: readonly ContractPlace[]): void {
  const ends = new Map<StoreCase, Promise<void>>()
  describe(title, () => {
    // To start a server stops this process: no case is to be in the middle of a lease then.
    before(async () => {
      await Promise.all(places.map(place => place.open()))
      for (const { cases } of places) {
        let last = Promise.resolve()
        for (const one of cases) {
          const end = last.then(() => one.run())
          ends.set(one, end)
          last = end.catch(() => {})
        }
      }
    })
    after(async () => {
      await Promise.allSettled(ends.values())
      await Promise.all(places.map(place => place.close()))
    })

    for (const place of places) {
      describe(place.title, () => {
        for (const one of place.cases) it(one.title, () => ends.get(one))
      })
    }
  })
}
