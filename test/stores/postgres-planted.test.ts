/**
 * The suites are shown to see on PostgreSQL too: each of these schemas has one function with a
 * check taken out, and cases of the contract must fail on it.
 */
import { expect } from 'chai'
import { postgresMigrationSql } from '../../lib/stores/postgres.js'
import { storeContract } from '../../lib/testing/store-contract.js'
import { sharedPostgres } from '../support/servers/postgres-server.js'
import { describeWith } from '../support/servers/programs.js'
import { failuresOf } from './helpers/plain-options.js'
import { PostgresStores, postgresContract } from './helpers/postgres-stores.js'

interface Fault {
  /** The name of the function, and what is in it; `$poe` is the schema. */
  readonly in: string
  readonly check: string
  readonly instead: string
  /** Beginnings of the titles that must fail. */
  readonly titles: readonly string[]
}

const FAULTS: Readonly<Record<string, Fault>> = {
  'claims without the epoch': {
    in: 'claim',
    check: 'WHEN the_epoch IS NOT NULL AND',
    instead: 'WHEN false AND',
    titles: ['claim: a token of another epoch', 'epoch: emptied under', 'epoch: a rotation'],
  },
  'claims late': {
    in: 'claim',
    check: 'WHEN now_ms > claim_by_ms THEN',
    instead: 'WHEN false THEN',
    titles: ['claim: a late one is refused', 'claim: late comes before'],
  },
  'claims after the token’s life': {
    in: 'claim',
    check: 'WHEN now_ms > expires_ms THEN',
    instead: 'WHEN false THEN',
    titles: ['claim: no record is made after'],
  },
  'claims together without the epoch': {
    in: 'claim_all',
    check: 'epoch IS NOT NULL AND',
    instead: 'false AND',
    titles: ['together: claims of one turn'],
  },
  'claims together late': {
    in: 'claim_all',
    check: 'at_ms > claim_by_ms',
    instead: 'false',
    titles: ['together: claims of one turn'],
  },
  'claims together after the tokens’ life': {
    in: 'claim_all',
    check: 'at_ms > expires_ms',
    instead: 'false',
    titles: ['together: claims of one turn'],
  },
  'tells of a claim together as of another’s': {
    in: 'claim_all',
    check: '(seen.r).owner IS DISTINCT FROM seen.owner',
    instead: 'true',
    titles: ['together: claims of one turn'],
  },
  'grants together what another of them has got': {
    in: 'claim_all',
    check: 'LEFT JOIN made USING (key, owner)',
    instead: 'LEFT JOIN made USING (key)',
    titles: ['together: two claims of one key'],
  },
  'forgets together what may become doubtful': {
    in: 'claim_all',
    check: 'WHERE free.means_doubt',
    instead: 'WHERE NOT free.means_doubt',
    titles: ['together: what claims of one turn left'],
  },
  'completes together for anybody': {
    in: 'complete_all',
    check: 'record.owner = done.owner',
    instead: 'true',
    titles: ['together: completions of one turn'],
  },
  'completes together what is spent': {
    in: 'complete_all',
    check: 'record.owner = done.owner AND record.head IS NULL',
    instead: 'record.owner IN (done.owner, done.mark)',
    titles: ['together: completions of one turn'],
  },
  'takes what is running for free': {
    in: 'tell',
    check: 'WHEN r.lease_until_ms > now_ms THEN',
    instead: 'WHEN false THEN',
    titles: ['claim: a free key is claimed, and running'],
  },
  'takes doubt for free': {
    in: 'tell',
    check: 'WHEN r.means_doubt THEN',
    instead: 'WHEN false THEN',
    titles: ['lease: lapsed in doubt', 'renew: 0 ends the lease'],
  },
  'replaces whatever is spent': {
    in: 'claim',
    check: '.owner = the_replaces',
    instead: '.owner IS NOT NULL AND the_replaces IS NOT NULL',
    titles: ['replaces: another record than it names'],
  },
  'tells what is past its time': {
    in: 'tell',
    check: 'WHEN r.keep_until_ms < now_ms THEN',
    instead: 'WHEN false THEN',
    titles: ['[EXP-05] keepUntilMs: past it'],
  },
  'does not know its own claim': {
    in: 'claim',
    check: "IF state = 'running' AND r.owner = the_owner THEN",
    instead: 'IF false THEN',
    titles: ['[STORE-05] claim: sent twice'],
  },
  'completes for anybody': {
    in: 'complete',
    check: 'record.owner = the_owner',
    instead: 'true',
    titles: ['complete: a stranger', '[LOCK-01] complete: after a take-over'],
  },
  'confirms to anybody': {
    in: 'was_committed',
    check: 'record.owner = the_mark',
    instead: 'true',
    titles: ['[FALSE-601] confirm: only', 'confirm: a stranger'],
  },
  'attaches for anybody': {
    in: 'attach_body',
    check: 'record.owner = the_mark',
    instead: 'true',
    titles: ['attachBody: a stranger'],
  },
  'renews for anybody': {
    in: 'renew',
    check: 'record.owner = the_owner',
    instead: 'true',
    titles: ['renew: a stranger'],
  },
  'marks for anybody': {
    in: 'mark',
    check: 'record.owner = the_owner',
    instead: 'true',
    titles: ['mark: a stranger'],
  },
  'releases for anybody': {
    in: 'release',
    check: 'record.owner = the_owner',
    instead: 'true',
    titles: ['release: a stranger', '[LOCK-01] release: sent again late'],
  },
  'settles what is running': {
    in: 'settle',
    check: 'record.lease_until_ms <= now_ms',
    instead: 'true',
    titles: ['settle: only while it is undecided'],
  },
  'finishes a transaction for anybody': {
    in: 'finish',
    check: 'record.owner = the_owner',
    instead: 'true',
    titles: ['transaction: an owner that lost its key'],
  },
  'finishes a transaction without its claim': {
    in: 'finish',
    check: 'IF NOT told.is_done THEN',
    instead: 'IF false THEN',
    titles: ['transaction: an owner that lost its key'],
  },
  'takes messages without a lease': {
    in: 'outbox_take',
    check: 'due_ms = now_ms + lease_ms',
    instead: 'due_ms = outbox.due_ms',
    titles: ['[OUT-02] outbox: of many takes', 'outbox: a take gives what is due'],
  },
  'takes messages without a lock': {
    in: 'outbox_take',
    check: 'FOR UPDATE SKIP LOCKED',
    // A pause after the snapshot, in which the others read the same rows.
    instead: 'OFFSET (SELECT 0 FROM pg_sleep(0.05))',
    titles: ['[OUT-02] outbox: of many takes'],
  },
  'ends the attempt of anybody': {
    in: 'outbox_end',
    check: 'AND owner = the_owner AND state',
    instead: 'AND state',
    titles: ['[OUT-04] outbox: a late owner', 'outbox: a stranger'],
  },
  'lets a late owner end its attempt': {
    in: 'outbox_end',
    check: 'AND due_ms > "$poe".now_ms()',
    instead: '',
    titles: ['[OUT-04] outbox: a late owner'],
  },
  'forgets that an attempt has ended': {
    in: 'outbox_end',
    check: "state <> 'running'",
    instead: 'false',
    titles: ['[OUT-05] outbox: an end sent twice'],
  },
  'purges what somebody is at work on': {
    in: 'purge',
    check: 'coalesce(lease_ms, 0) <= at_ms',
    instead: 'true',
    titles: ['purge: a claim that somebody is at work on'],
  },
}

/** The function alone, with the check taken out. */
function broken(schema: string, { in: name, check, instead }: Fault): string {
  const sql = postgresMigrationSql(schema)
  const from = sql.indexOf(`CREATE OR REPLACE FUNCTION "${schema}".${name}(`)
  const whole = sql.slice(from, sql.indexOf('END $$;', from) + 'END $$;'.length)
  const spoilt = whole.replaceAll(check.replace('$poe', schema), instead)
  if (from < 0 || spoilt === whole) throw new Error(`${name} has no '${check}'`)
  return spoilt
}

describeWith(['postgres', 'initdb'], 'a PostgreSQL store with a fault', () => {
  for (const [name, fault] of Object.entries(FAULTS)) {
    it(`that ${name} is caught`, async () => {
      const stores = new PostgresStores((await sharedPostgres()).url)
      try {
        const options = postgresContract(
          () => stores,
          async (pool, schema) => {
            await pool.query(broken(schema, fault))
          },
        )
        // All cases would take minutes; those that are named must be there, and fail.
        const cases = storeContract(options).filter(({ title }) =>
          fault.titles.some(one => title.startsWith(one)),
        )
        expect(cases.length).to.be.at.least(fault.titles.length)
        const isMissed = (title: string) => !failed.some(one => one.startsWith(title))
        const failed: string[] = []
        // Two that must meet to show a fault need not meet at the first try.
        for (let tries = 0; tries < 5 && fault.titles.some(isMissed); tries += 1) {
          failed.push(...(await failuresOf(cases)).map(({ title }) => title))
        }
        expect(fault.titles.filter(isMissed), 'must fail').to.deep.equal([])
      } finally {
        await stores.end()
      }
    })
  }
})
