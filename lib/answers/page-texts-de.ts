/**
 * The words of pages for people, in German.
 */
import type { DoorRefusal, LinkRefusal } from './refusal-kinds.js'
import type { PageTexts, RefusalWords } from './words.js'

const LATER: RefusalWords = {
  title: 'Das geht gerade nicht',
  detail:
    'Was unter dieser Adresse geschehen ist, lässt sich im Moment nicht sagen. Dieselbe Anfrage ' +
    'kann gleich noch einmal gesendet werden: Sie wird nicht zweimal ausgeführt.',
}
const UNDONE: RefusalWords = {
  title: 'Das geht gerade nicht',
  detail:
    'Diese Anfrage konnte nicht abgeschlossen werden, und was dafür in die Datenbank geschrieben ' +
    'wurde, ist zurückgenommen. Dieselbe Anfrage kann gleich noch einmal gesendet werden.',
}
const OUTSIDE = 'Außerhalb der Frist'

const REFUSALS: Readonly<Record<LinkRefusal | DoorRefusal, RefusalWords>> = {
  used: {
    title: 'Das wurde schon gesendet',
    detail: 'Diese Anfrage wurde einmal ausgeführt und wird nicht noch einmal ausgeführt.',
  },
  'used-for-other': {
    title: 'Das wurde schon gesendet',
    detail:
      'Diese Adresse wurde schon benutzt, mit anderem Inhalt. Was jetzt gesendet wurde, ist ' +
      'nicht ausgeführt worden.',
  },
  'used-by-any': {
    title: 'Das wurde schon gesendet',
    detail:
      'Diese Adresse wurde schon benutzt, und was damals gesendet wurde, ist ausgeführt. Was ' +
      'jetzt gesendet wurde, ist nicht ausgeführt worden; ob es dasselbe ist, lässt sich hier ' +
      'nicht sagen.',
  },
  'body-not-kept': {
    title: 'Es ist erledigt',
    detail: 'Diese Anfrage wurde ausgeführt. Ihre Antwort ist nicht mehr aufbewahrt.',
  },
  'content-not-kept': {
    title: 'Das wurde schon beantwortet',
    detail:
      'Diese Anfrage wurde schon einmal mit diesem Status beantwortet und wird nicht noch einmal ' +
      'versucht. Was die Antwort sonst gesagt hat, ist nicht aufbewahrt.',
  },
  'coding-refused': {
    title: 'Es ist erledigt',
    detail:
      'Diese Anfrage wurde ausgeführt. Ihre Antwort ist nur in einer Kodierung aufbewahrt, die ' +
      'Accept-Encoding nicht nennt.',
  },
  'body-pending': {
    title: 'Es ist erledigt',
    detail:
      'Diese Anfrage wurde ausgeführt. Ihre Antwort wird noch geschrieben; bitte gleich noch ' +
      'einmal nachsehen.',
  },
  running: {
    title: 'Das wird gerade ausgeführt',
    detail:
      'Dieselbe Anfrage wird gerade ausgeführt. Gleich noch einmal nachsehen zeigt, wie sie ' +
      'ausgegangen ist.',
  },
  undecided: {
    title: 'Das ist noch nicht bekannt',
    detail:
      'Eine frühere Anfrage an diese Adresse wurde unterbrochen; vielleicht hat sie gewirkt, ' +
      'vielleicht nicht. Sie wird nicht noch einmal ausgeführt, bis das bekannt ist.',
  },
  unspent: {
    title: 'Hier wurde noch nichts gesendet',
    detail: 'Diese Adresse nimmt genau ein POST an. Bisher ist nichts geschehen.',
  },
  expired: {
    title: 'Diese Adresse ist abgelaufen',
    detail: 'Sie wurde nicht rechtzeitig benutzt, und nichts ist geschehen. Bitte neu beginnen.',
  },
  forgotten: {
    title: 'Das lässt sich nicht mehr sagen',
    detail:
      'Diese Adresse ist so alt, dass nicht mehr bekannt ist, ob sie benutzt wurde. Jetzt wird ' +
      'nichts ausgeführt.',
  },
  unverifiable: {
    title: 'Diese Adresse gibt es nicht',
    detail:
      'Sie wurde nie ausgegeben, oder jemand anderem, oder vor einer An- oder Abmeldung. Jetzt ' +
      'wurde nichts ausgeführt.',
  },
  'method-not-allowed': {
    title: 'Nicht mit dieser Methode',
    detail: 'Das Feld Allow sagt, was diese Adresse jetzt annimmt.',
  },
  nobody: {
    title: 'Bitte erst anmelden',
    detail: 'Das gilt für die Person, die es sendet, und diese Anfrage sagt nicht, wer das ist.',
  },
  'store-down': LATER,
  'store-full': LATER,
  'transaction-timeout': {
    title: 'Das hat zu lange gedauert',
    detail:
      'Was für diese Anfrage in einer Transaktion der Datenbank geschrieben wurde, hat zu lange ' +
      'gedauert und wurde zurückgenommen. Sie kann gleich noch einmal gesendet werden.',
  },
  'undone-store-down': UNDONE,
  'undone-store-full': UNDONE,
  'key-missing': {
    title: 'Diese Anfrage braucht einen Schlüssel',
    detail: '{}: ein Name für diese Anfrage, der beim nochmaligen Senden derselbe bleibt.',
  },
  'key-malformed': { title: 'Dieser Schlüssel ist nicht lesbar', detail: '{}' },
  mismatch: {
    title: 'Eine andere Anfrage hat diesen Schlüssel',
    detail:
      'Dieser Schlüssel wurde schon mit einer anderen Anfrage gesendet. Was jetzt gesendet ' +
      'wurde, ist nicht ausgeführt worden; es braucht einen eigenen Schlüssel.',
  },
  'too-large': {
    title: 'Zu viel Inhalt',
    detail: 'Diese Adresse nimmt höchstens {} Bytes an. Nichts wurde ausgeführt.',
  },
  'digest-missing': {
    title: 'Eine Prüfsumme fehlt',
    detail: 'Diese Anfrage braucht Content-Digest mit sha-256 oder sha-512.',
  },
  'digest-wrong': {
    title: 'Der Inhalt ist nicht, was gesendet wurde',
    detail: 'Content-Digest passt nicht zum angekommenen Inhalt. Nichts wurde ausgeführt.',
  },
  'too-deep': {
    title: 'Dieser Inhalt lässt sich nicht vergleichen',
    detail: 'Er ist zu tief verschachtelt. Nichts wurde ausgeführt.',
  },
  'precondition-required': {
    title: 'Diese Anfrage braucht eine Bedingung',
    detail: 'Erst den jetzigen Stand holen, dann {} mit dieser Anfrage senden.',
  },
  'precondition-failed': {
    title: 'Der Stand ist inzwischen ein anderer',
    detail:
      '{} trifft nicht zu, deshalb wurde jetzt nichts ausgeführt. Bitte den jetzigen Stand holen ' +
      'und neu entscheiden.',
  },
  'precondition-malformed': {
    title: 'Diese Bedingung ist nicht lesbar',
    detail: '{} nimmt {}.',
  },
  'precondition-unjudged': {
    title: 'Diese Bedingung wird hier nicht geprüft',
    detail:
      'Ob {} zutrifft, lässt sich an dieser Adresse nicht sagen, deshalb wurde nichts ' +
      'ausgeführt. Geprüft wird hier: {}.',
  },
  'suspected-duplicate': {
    title: 'Wurde das schon gesendet?',
    detail:
      'Dasselbe wurde vor kurzem gesendet und ausgeführt; was jetzt gesendet wurde, nicht. Soll ' +
      'es noch einmal geschehen, bitte mit dem Feld Duplicate-Override, oder dem Formularfeld ' +
      'duplicate-override, senden, wie hier angegeben.',
  },
  'override-malformed': {
    title: 'Diese Bestätigung ist nicht lesbar',
    detail: 'Duplicate-Override nimmt 1 bis 64 Zeichen: Buchstaben, Ziffern, - und _.',
  },
  cancelled: {
    title: 'Das wurde abgesagt',
    detail: 'Diese Aktion wurde abgesagt, bevor sie benutzt war, und wird nicht ausgeführt.',
  },
  'action-mismatch': {
    title: 'Diese Aktion ist eine andere',
    detail:
      'Diese Aktion wurde schon benutzt, mit anderem Inhalt. Was jetzt gesendet wurde, ist nicht ' +
      'ausgeführt worden; es braucht eine eigene Aktion.',
  },
  'cannot-undo': {
    title: 'Das lässt sich nicht rückgängig machen',
    detail: 'Diese Aktion wurde ausgeführt, und hier führt kein Weg zurück.',
  },
  'not-empty': {
    title: 'Nichts wurde ausgeführt',
    detail: 'Ein POST hierher hat keinen Inhalt: Er gibt eine Adresse. Der Inhalt geht dorthin.',
  },
  'not-repeatable': {
    title: 'Hier nicht wiederholbar',
    detail: 'Diese Adresse merkt sich keine Repeatability-Request-ID. Nichts wurde ausgeführt.',
  },
  'too-old': {
    title: OUTSIDE,
    detail:
      'Repeatability-First-Sent liegt länger zurück, als man sich hier erinnert. Jetzt wurde ' +
      'nichts ausgeführt; ob es früher geschah, lässt sich nicht mehr sagen.',
  },
  'in-future': {
    title: OUTSIDE,
    detail: 'Repeatability-First-Sent liegt in der Zukunft. Nichts wurde ausgeführt.',
  },
}

/** German. */
export const GERMAN: PageTexts = {
  labels: {
    result: 'Zum Ergebnis',
    again: 'Noch einmal nachsehen',
    createForm: 'Mit einem neuen Formular beginnen',
  },
  refusals: REFUSALS,
}
