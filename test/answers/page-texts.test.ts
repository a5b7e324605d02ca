/** The words of pages for people: complete in German, and replaceable. */
import { expect } from 'chai'
import { textsWith, wordsOf } from '../../lib/answers/page-texts.js'
import { GERMAN } from '../../lib/answers/page-texts-de.js'
import { DOOR_REFUSALS, filled, LINK_REFUSALS } from '../../lib/answers/refusals.js'

const places = (detail: string) => detail.split('{}').length - 1

describe('the words of pages', () => {
  it('in German there are some for every refusal, with the same to be filled in', () => {
    for (const problem of [...Object.values(LINK_REFUSALS), ...Object.values(DOOR_REFUSALS)]) {
      const words = GERMAN.refusals[problem.kind]
      expect(words, problem.kind).to.be.an('object')
      expect(words?.title, problem.kind).not.to.equal(problem.title)
      expect(places(words?.detail ?? ''), problem.kind).to.equal(places(problem.detail))
    }
    const named = new Set([...Object.keys(LINK_REFUSALS), ...Object.keys(DOOR_REFUSALS)])
    expect(Object.keys(GERMAN.refusals).filter(kind => !named.has(kind))).to.deep.equal([])
  })

  it('a detail that is filled in is filled in in each language', () => {
    const problem = filled('precondition-unjudged', 'If-Match', 'If-None-Match')
    const said = wordsOf(GERMAN, problem)
    expect(said.detail)
      .to.include('Ob If-Match zutrifft')
      .and.match(/If-None-Match\.$/)
    expect(problem.detail).to.include('Whether If-Match holds')
    expect(problem.detail + said.detail).not.to.include('{}')
  })

  it('the application’s words come first; what it leaves out is said as before', () => {
    const used = { title: 'Bestellt', detail: 'Die Bestellung ist da.' }
    const texts = textsWith({
      de: { refusals: { used } },
      fr: { labels: { result: 'Voir' }, refusals: { used } },
    })
    expect([...texts.keys()]).to.deep.equal(['en', 'de', 'fr'])
    const [en, de, fr] = ['en', 'de', 'fr'].map(language => texts.get(language) ?? GERMAN)
    if (en === undefined || de === undefined || fr === undefined) return expect.fail('missing')
    expect(wordsOf(en, LINK_REFUSALS.used).title).to.equal('This was already sent')
    expect(wordsOf(de, LINK_REFUSALS.used)).to.deep.equal(used)
    expect(wordsOf(de, LINK_REFUSALS.running)).to.equal(GERMAN.refusals.running)
    expect(wordsOf(fr, LINK_REFUSALS.running).title).to.equal(LINK_REFUSALS.running.title)
    expect([de.labels.result, fr.labels.result, fr.labels.again]).to.deep.equal([
      'Zum Ergebnis',
      'Voir',
      'Look again',
    ])
  })
})
