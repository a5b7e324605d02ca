/**
 * The words of pages for people, by language: English and German are here, others and other words
 * can be added by the application.
 *
 * @see RFC 9110 12.5.4; RFC 5646
 */
import type { Problem } from './answer.js'
import { GERMAN } from './page-texts-de.js'
import { fill, type PageLabels, type PageTexts, type RefusalWords } from './words.js'

/** Words of the application, by language tag; what is left out is said as in English or German. */
export type GivenTexts = Readonly<
  Record<
    string,
    {
      readonly labels?: Partial<PageLabels>
      readonly refusals?: PageTexts['refusals']
    }
  >
>

/** Texts by language tag; the first is for whoever asks for none of them. */
export type Texts = ReadonlyMap<string, PageTexts>

/** A refusal's own words are the English ones. */
const ENGLISH: PageTexts = {
  labels: {
    result: 'See the result',
    again: 'Look again',
    createForm: 'Start again with a fresh form',
  },
  refusals: {},
}

/** Puts the application's words over those that are here. */
export function textsWith(given: GivenTexts = {}): Texts {
  const texts = new Map<string, PageTexts>([
    ['en', ENGLISH],
    ['de', GERMAN],
  ])
  for (const [language, { labels, refusals }] of Object.entries(given)) {
    const base = texts.get(language) ?? ENGLISH
    texts.set(language, {
      labels: { ...base.labels, ...labels },
      refusals: { ...base.refusals, ...refusals },
    })
  }
  return texts
}

/** Says a refusal in the words of a language. */
export function wordsOf(texts: PageTexts, problem: Problem): RefusalWords {
  const words = texts.refusals[problem.kind]
  if (words === undefined) return problem
  return problem.values === undefined
    ? words
    : { title: words.title, detail: fill(words.detail, problem.values) }
}
