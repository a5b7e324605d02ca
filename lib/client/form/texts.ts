/**
 * What a person is told while a form is on its way, in English and German.
 */

/** The words of an enhanced form; `{}` is filled in with numbers. */
export interface FormTexts {
  /** The first try is on its way. */
  readonly sending: string
  /** `{}`: which try comes now, and how many there are at most. */
  readonly again: string
  /** There is no network; it is sent when there is. */
  readonly offline: string
  /** What an earlier page, or tab, had begun is being finished. */
  readonly resuming: string
  /** It took effect. */
  readonly done: string
  /** What an earlier page had begun took effect. */
  readonly doneBefore: string
  /** What an earlier page had begun did not take effect. */
  readonly notDone: string
  /** The tries are over and nobody knows; the same may be sent again. */
  readonly unknown: string
  /** The same of what an earlier page had begun; opening the page anew asks again. */
  readonly unknownBefore: string
  /** Nobody can tell any more. */
  readonly lost: string
  /** The link to the result. */
  readonly result: string
  /** Names the bar that shows how much of a file has been sent. */
  readonly progress: string
}

const ENGLISH: FormTexts = {
  sending: 'Sending…',
  again: 'No answer yet. Trying again ({} of {})…',
  offline: 'You are offline. This is sent when you are online again.',
  resuming: 'Finishing what you sent before…',
  done: 'It is done, once.',
  doneBefore: 'What you sent before is done, once. Send this form only if you want more.',
  notDone: 'What you sent before was not carried out.',
  unknown:
    'It is not known whether it was carried out. You can safely send the same again: it is ' +
    'carried out once.',
  unknownBefore:
    'It is not known yet whether what you sent before was carried out. Reload this page to ask ' +
    'again, before you send this form.',
  lost: 'It cannot be told whether it was carried out. Look before you send it in another way.',
  result: 'See the result',
  progress: 'Sent so far',
}

const GERMAN: FormTexts = {
  sending: 'Wird gesendet …',
  again: 'Noch keine Antwort. Neuer Versuch ({} von {}) …',
  offline: 'Keine Verbindung. Es wird gesendet, sobald wieder eine besteht.',
  resuming: 'Was vorher gesendet wurde, wird abgeschlossen …',
  done: 'Es ist erledigt, einmal.',
  doneBefore:
    'Was vorher gesendet wurde, ist erledigt, einmal. Dieses Formular nur für mehr senden.',
  notDone: 'Was vorher gesendet wurde, ist nicht ausgeführt worden.',
  unknown:
    'Ob es ausgeführt wurde, ist nicht bekannt. Dasselbe kann gefahrlos noch einmal gesendet ' +
    'werden: Es wird einmal ausgeführt.',
  unknownBefore:
    'Ob das vorher Gesendete ausgeführt wurde, ist noch nicht bekannt. Bitte die Seite neu ' +
    'laden, um noch einmal zu fragen, bevor dieses Formular gesendet wird.',
  lost:
    'Ob es ausgeführt wurde, lässt sich nicht sagen. Bitte nachsehen, bevor es anders gesendet ' +
    'wird.',
  result: 'Zum Ergebnis',
  progress: 'Bisher gesendet',
}

/**
 * Gives the words for a page's language.
 *
 * @param language - tag of the page; anything but German is English
 * @param given - words in place of ours
 */
export function formTexts(language: string, given: Partial<FormTexts> = {}): FormTexts {
  return { ...(/^de\b/i.test(language) ? GERMAN : ENGLISH), ...given }
}

/** Fills in numbers, in order. */
export function filledIn(text: string, ...values: readonly number[]): string {
  return values.reduce((told, value) => told.replace('{}', String(value)), text)
}
