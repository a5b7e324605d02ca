/**
 * The contract suite is tested itself: each of these stores has one fault, and the suite must fail
 * on it where it says so.
 */
import { expect } from 'chai'
import type { Store } from '../../lib/engine/store.js'
import type { SqliteStore } from '../../lib/stores/sqlite.js'
import { storeContract } from '../../lib/testing/store-contract.js'
import { ADMIN_FAULTS, withAdminFault } from './broken/admin-faults.js'
import * as claims from './broken/claim-faults.js'
import * as listing from './broken/listing-faults.js'
import * as loose from './broken/loose-transactions.js'
import * as moments from './broken/moment-faults.js'
import { type PlainOptions, PlainStore } from './broken/plain-store.js'
import * as records from './broken/record-faults.js'
import { failuresOf, plainContract } from './helpers/plain-options.js'
import { Files, sqliteContract } from './helpers/sqlite-files.js'

type MakeStore = new (options: PlainOptions) => Store

/** Each fault, and the beginnings of titles that must fail on it. */
const FAULTS: readonly (readonly [Broken: MakeStore, titles: readonly string[]])[] = [
  [
    claims.LooksThenWrites,
    ['[RACE-01] [RACE-03] 50 claims', '50 claims at once on a lapsed', '[RACE-07]'],
  ],
  [claims.ForgetsItsOwnClaim, ['[STORE-05] claim: sent twice']],
  [claims.ClaimsAfresh, ['claim: sent twice, it shortens no lease and takes no mark back']],
  [claims.CountsFromTheFirst, ['claim: sent twice, its lease counts from']],
  [claims.IgnoresClaimBy, ['claim: a late one is refused', 'claim: late comes before']],
  [claims.IgnoresTokenExpiry, ['claim: no record is made after', '[EXP-05] purge']],
  [claims.ChecksEpochFirst, ['claim: a record answers as it is', 'rotateEpoch:']],
  [claims.CountsSeconds, ['lease: it ends by itself', 'lease: lapsed in doubt']],
  [claims.EndsLeasesLate, ['[LOCK-09] lease']],
  [claims.FreesInDoubt, ['lease: it ends by itself', '[LOCK-09] lease', 'settle: with an outcome']],
  [claims.RenewTakesOver, ['renew: it never takes a key', 'renew: a stranger is stale']],
  [claims.RefusesLateRenewal, ['renew: a lapsed lease comes back']],
  [claims.LetsTheSameContentIn, ['[FALSE-4332]']],
  [claims.RunsOtherContent, ['[FALSE-4332]']],
  [claims.GivesOldPlacesAway, ['[FALSE-4330]']],
  [claims.RenewsWithoutTheMark, ['[FALSE-4331]']],
  [claims.RefusesLateMarks, ['[FALSE-4331]']],
  [claims.LetsSilentOwnersComeBack, ['[FALSE-4548]']],
  [claims.ReadsLapsedClaimsAsNone, ['read: no record is none']],
  [records.CompletesForAnybody, ['[LOCK-01] complete: after a take-over', 'complete: a stranger']],
  [records.ConfirmsToAnybody, ['[FALSE-601] confirm: only', 'confirm: a stranger']],
  [records.ConfirmsClaims, ['[FALSE-602] confirm: not before']],
  [records.ConfirmsToNobody, ['[FALSE-601] confirm: only']],
  [records.CompletesAgain, ['complete: sent twice', 'attachBody: a complete that comes again']],
  [records.RefusesLateOwners, ['[LOCK-01] complete: the late owner', '[LOCK-05] settle']],
  [records.AttachesForAnybody, ['attachBody: nobody else may', 'attachBody: a stranger']],
  [records.ReleasesForAnybody, ['[LOCK-01] release: sent again late', 'release: a stranger']],
  [records.ReleasesSpentKeys, ['[LOCK-05] release: a spent key']],
  [records.SettlesWithoutCompare, ['settle: only while', '[LOCK-05] settle: what the owner did']],
  [records.SettlesForTheOwner, ['settle: afterwards the silent owner is stale']],
  [
    records.KeepsText,
    ['outcome: a body of all 256 byte values', 'outcome: a body that is no UTF-8'],
  ],
  [records.KeepsTheBuffer, ["outcome: the caller's buffers"]],
  [records.DropsEmptyBodies, ['outcome: an empty body', 'attachBody: the owner that spent']],
  [records.EvictsTheOldest, ['[EXP-01] full: at its limit', 'full: room comes from']],
  [records.PurgesLiveClaims, ['purge: a claim that somebody is at work on']],
  [records.PurgesEarly, ['purge: nothing goes before', '[EXP-01] full: at its limit']],
  [records.ForgetsAtRestart, ['durable: reopened', 'epoch: two memories never share one']],
  [records.CachesTheEpoch, ['epoch: a rotation elsewhere', 'epoch: emptied under a running']],
  [records.RestoresTheEpoch, ['epoch: emptied under a running', 'rotateEpoch:']],
  [records.TakesTheLastSecrets, ['secrets: the first proposal', 'secrets: of many proposals']],
  [
    records.ReplacesWhatever,
    ['replaces: another record', '[FALSE-4443] replaces: what an operator'],
  ],
  [records.KeepsPastItsTime, ['[EXP-05] keepUntilMs: past it']],
  [records.AttachesForEver, ['[FALSE-4334]']],
  [records.SettlesForEver, ['[FALSE-4334]']],
  [records.MarksForEver, ['[FALSE-4334]']],
  [records.PurgesLapsedClaims, ['purge: nothing goes before']],
  [records.CompletesWhatWasReleased, ['[LOCK-01] release: sent again late']],
  [records.AttachesWithoutPrincipal, ['attachBody: the owner that spent']],
  [records.ClaimsSeeTheFirstOutcome, ['attachBody: the owner that spent']],
  [moments.RenewsWhatItSaw, ['[FALSE-4333] at once: two writes on a key that is free']],
  [moments.MarksWhatItSaw, ['[FALSE-4333] at once: two writes on a key that is running']],
  [moments.ReleasesWhatItSaw, ['[FALSE-4333] at once: two writes on a key that is running']],
  [moments.CompletesWhatItSaw, ['[FALSE-4333] at once: two writes on a key that is undecided']],
  [moments.AttachesToWhatItSaw, ['[FALSE-4333] at once: two writes on a key that is spent']],
  [moments.SettlesWhatItSaw, ['[FALSE-4333] at once: two writes on a key that is undecided']],
  [records.StaysOpen, ['close: it may be repeated']],
  [listing.ListsWhatRuns, ['list: what is undecided, and nothing else']],
  [listing.OverlooksMarks, ['list: what is undecided, and nothing else']],
  [listing.CountsItsPlaces, ['list: what is decided between two pages']],
  [listing.EndsAfterAPage, ['list: page by page', 'list: what is decided between two pages']],
  [listing.IgnoresBefore, ['list: before a time']],
  [listing.TellsNoOwner, ['list: what is undecided', 'list: what is decided, by whomever']],
  [listing.FoldsKeys, ['list: a key is told as it was claimed']],
  [listing.FreesOnAnyWord, ['[FALSE-401] settle: a verdict that is none']],
  [listing.ReckonsWithAnything, ['[FALSE-1704] a time that is no number']],
  [listing.KeepsFractions, ['[FALSE-1703] times with a fraction']],
]

/** The same for transactions. */
const LOOSE: readonly (readonly [spoil: (store: SqliteStore) => SqliteStore, titles: string[]])[] =
  [
    [loose.writesAtOnce, ['transaction: commit makes', 'transaction: rollback undoes']],
    [loose.commitsBeforeItLooks, ['transaction: an owner that lost', 'transaction: a key that is']],
    [loose.neverOver, ['transaction: once over', 'transaction: rolled back before it was used']],
    [loose.commitsWhatItSaw, ['[FALSE-4336] transaction']],
    [loose.commitsAfterARollback, ['[FALSE-4335] transaction']],
    [loose.forgetsPayloads, ['outbox: to be tried again']],
    [loose.revivesTheOld, ['[OUT-06] outbox']],
    [loose.takesTooMany, ['outbox: a take gives what is due']],
    [loose.countsItsDead, ['outbox: what is dropped']],
    [loose.renewsMessagesItSaw, ['[FALSE-4341] outbox']],
    [loose.dropsWhatItSaw, ['[FALSE-4341] outbox']],
    [loose.takesWithoutLease, ['[OUT-02] outbox: of many', 'outbox: a take gives what is due']],
    [loose.endsForAnybody, ['[OUT-04] outbox: a late owner', 'outbox: a stranger']],
  ]

describe('the store contract suite', () => {
  it('passes a plain store without a fault', async () => {
    expect(await failuresOf(storeContract(plainContract(PlainStore)))).to.deep.equal([])
  })

  for (const [Broken, titles] of FAULTS) {
    it(`catches a store that ${Broken.name.replace(/\B[A-Z]/g, ' $&').toLowerCase()}`, async () => {
      const failed = await failuresOf(storeContract(plainContract(Broken)))
      for (const title of titles) {
        const hit = failed.some(failure => failure.title.startsWith(title))
        expect(
          hit,
          `'${title}' among ${failed.map(failure => failure.title).join(' | ')}`,
        ).to.equal(true)
      }
      for (const failure of failed) {
        expect(failure.message, `the message of '${failure.title}'`).to.have.length.above(10)
      }
    })
  }

  for (const [spoil, titles] of LOOSE) {
    it(`catches transactions of the kind ${spoil.name}`, async () => {
      const files = new Files()
      const cases = storeContract(sqliteContract(files, spoil))
      const transactional = cases.filter(each => /(?:transaction|outbox):/.test(each.title))
      const failed = (await failuresOf(transactional)).map(failure => failure.title)
      files.remove()
      for (const title of titles) {
        const hit = failed.some(each => each.startsWith(title))
        expect(hit, `'${title}' among ${failed.join(' | ')}`).to.equal(true)
      }
    })
  }

  for (const fault of ADMIN_FAULTS) {
    it(`catches an operator's part that ${fault.name}`, async () => {
      const files = new Files()
      const cases = storeContract(sqliteContract(files, withAdminFault(fault)))
      const failed = await failuresOf(cases.filter(({ title }) => title.startsWith('admin:')))
      files.remove()
      expect(failed.map(({ title }) => title).join(' | ')).to.include(fault.title)
    })
  }

  it('catches promises that are not kept', async () => {
    for (const promise of ['durable', 'crossProcess', 'transactional', 'nativeExpiry'] as const) {
      const options = plainContract(PlainStore)
      const isKept = options.capabilities[promise]
      const capabilities = { ...options.capabilities, [promise]: !isKept }
      const transactions = { prepare: async () => {}, insert: async () => {}, list: async () => [] }
      const cases = storeContract({ ...options, capabilities, transactions })
      const failed = (await failuresOf(cases)).map(failure => failure.title)
      expect(failed, promise).to.include('capabilities: they are the promised ones')
      expect(failed.length, `${promise}: ${failed.join(' | ')}`).to.be.above(1)
    }
  })
})
