/** Uploads at a door that a parser in front has taken apart: two that differ are never one. */
import multer from '@koa/multer'
import { expect } from 'chai'
import type { IdempotencyKeyOptions } from 'post-once-exactly/koa'
import { isReplay, type KeySite, keySite } from './key-site.js'

type Rule = NonNullable<IdempotencyKeyOptions['fingerprint']>

const parser = multer().any()

function formOf(file: string | null): FormData {
  const form = new FormData()
  form.set('title', 'scan')
  if (file !== null) form.set('file', new Blob([file]), 'scan.txt')
  return form
}

describe('uploads at a door', () => {
  let site: KeySite
  afterEach(() => site.close())

  const send = async (file: string | null) => {
    const headers = { 'Idempotency-Key': '"k"' }
    const answer = await site.world.send('POST', '/pay', { body: formOf(file), headers })
    await answer.text()
    return { status: answer.status, field: (name: string) => answer.headers.get(name) }
  }

  for (const rule of ['raw', 'semantic', ['/title']] as const satisfies readonly Rule[]) {
    it(`[FALSE-3509] behind a parser an upload is no other one's repeat: ${rule}`, async () => {
      // The one leaves a list of files, and the other a single one.
      for (const front of [parser, multer().single('file')]) {
        site = await keySite({ parse: false, front: [front], door: { fingerprint: rule } })
        for (const file of ['one', 'two']) expect((await send(file)).status).to.equal(500)
        expect(site.seen).to.deep.equal([])
        expect(String(site.errors[0])).to.include('Put the door in front of the parser')
        await site.close()
      }
    })
  }

  it('[FALSE-3509] in front of the parser each is known by its files', async () => {
    const door = { fingerprint: 'semantic' } as const
    site = await keySite({ parse: false, behind: [parser], door })
    expect((await send('one')).status).to.equal(201)
    const again = await send('one')
    expect([again.status, isReplay(again)]).to.deep.equal([201, true])
    expect((await send('two')).status).to.equal(422)
    expect(site.seen).to.have.lengthOf(1)
  })

  it('a form without files, and a rule of the application, go on behind a parser', async () => {
    site = await keySite({ parse: false, front: [parser], door: { fingerprint: 'semantic' } })
    expect((await send(null)).status).to.equal(201)
    expect(isReplay(await send(null))).to.equal(true)
    await site.close()
    site = await keySite({ parse: false, front: [parser], door: { fingerprint: () => 'same' } })
    expect((await send('one')).status).to.equal(201)
    expect(isReplay(await send('one'))).to.equal(true)
  })
})
