/** `poe store` on a Redis cluster, by a URL of one of its nodes and each driver. */
import { expect } from 'chai'
import { redisStore } from 'post-once-exactly/stores/redis'
import { CONNECTS, openClient } from '../../../lib/stores/redis/open-client.js'
import { makeClaim, outcome } from '../../stores/helpers/claims.js'
import { describeWith } from '../../support/servers/programs.js'
import { type RedisServer, startRedisCluster } from '../../support/servers/redis-server.js'
import { poeHere } from '../fake-terminal.js'

const RECORDS = 40

describeWith(['redis-server'], 'poe store on a Redis cluster', function () {
  this.timeout(60_000)
  let nodes: readonly RedisServer[] = []
  before(async () => {
    nodes = await startRedisCluster()
  })
  after(async () => {
    for (const node of nodes) await node.remove()
  })

  for (const [driver, connect] of Object.entries(CONNECTS)) {
    it(`[ADM-01, ADM-03] counts, lists and decides what all nodes have (${driver})`, async () => {
      const prefix = `by-${driver}`
      const opened = await openClient(nodes[0]?.url ?? '', [connect])
      const store = redisStore({ client: opened.client, prefix })
      const { nowMs } = await store.epoch()
      expect(await opened.hasStore(prefix)).to.equal(true)
      for (let index = 0; index < RECORDS; index += 1) {
        const key = `order:${index}`
        await store.claim(key, makeClaim(nowMs, { owner: 'a', onSilence: 'undecided' }))
        if (index % 2 === 0) await store.complete(key, 'a', outcome())
        else await store.renew(key, 'a', 0)
      }
      const counts = await store.admin?.count()
      expect([counts?.spent, counts?.undecided]).to.deep.equal([RECORDS / 2, RECORDS / 2])
      const run = (...words: string[]) =>
        poeHere(['store', ...words, '--store', nodes[1]?.url ?? '', '--prefix', prefix, '--json'])
      const listed = JSON.parse((await run('list')).out)
      expect(listed.records).to.have.lengthOf(RECORDS / 2)
      const all = (await run('export')).out.trimEnd().split('\n')
      expect(new Set(all.map(line => JSON.parse(line).id)).size).to.equal(RECORDS)
      const settled = await run('settle', 'order:1', '--did-not-happen', '--yes')
      expect(settled.code, settled.err).to.equal(0)
      expect((await store.read('order:1', null)).state).to.equal('none')
      expect((await run('rotate-epoch', '--yes')).code).to.equal(0)
      expect((await run('check')).code).to.equal(0)
      await store.close()
      opened.end()
    })
  }
})
