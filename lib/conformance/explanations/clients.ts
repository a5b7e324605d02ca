/**
 * Why the rules for clients matter, how clients break them, and how that is mended.
 *
 * @see spec-notes/draft-poe-bis.md 14
 */
import type { Why } from './why.js'

/** Of what a client sends and believes. */
export const CLIENTS: Readonly<Record<string, Why>> = {
  'POE-2-10': {
    why: 'The entry may lead to another link the second time: that is a second order.',
    wrong: 'Each try begins anew at the address that redirected.',
    mend: 'Remember where 307 or 308 led, and send further tries there.',
  },
  'POE-2-11': {
    why: 'Nobody can tell a lost request from a lost answer; a fresh link is a fresh order.',
    wrong: 'A lost answer is told as a failure; the next try takes a fresh link, or other fields.',
    mend: 'Send the same request to the same link again, or report "unknown".',
  },
  'POE-2-12': {
    why: 'Nobody waits for ever, and a server in trouble is not helped by it.',
    wrong: 'A loop retries until it succeeds.',
    mend: 'Bound the tries and their whole time, by default too.',
  },
  'POE-2-14': {
    why: 'Who reads "failed" orders again.',
    wrong: 'Giving up is an error like any other.',
    mend:
      'Give "unknown" a name and an exit code of its own, and say that nothing may be sent ' +
      'anew.',
  },
  'POE-2-24': {
    why: 'Gateways and wrong routes say 405, too; nothing was ordered then.',
    wrong: 'Every 405 after a lost answer is taken for success.',
    mend:
      'Demand proof: the result link with its anchor, or Allow without POST and a GET of the ' +
      'link.',
  },
  'POE-5-1': {
    why: 'It took effect; who is told otherwise orders again.',
    wrong: 'A 405 is an error of the client like other 4xx.',
    mend: 'After a try that may have arrived, report a proven 405 as accepted.',
  },
  'POE-5-2': {
    why: 'Everything else builds on it. Also an answer that breaks off has told its status.',
    wrong: 'A body that cannot be read whole turns a 201 into a failure.',
    mend: 'Decide by status and fields; fetch the content again by GET of the link.',
  },
  'POE-5-3': {
    why: 'Only 303 says that it took effect; sessions that ran out are answered by 302.',
    wrong: 'The HTTP library follows redirects, and the login page is 200.',
    mend: 'Do not let redirects of a POST be followed. Ask the link by GET after 301 and 302.',
  },
  'POE-5-4': {
    why: 'What was accepted is not what was sent now, or nobody can tell.',
    wrong: 'A proven 405 counts as success also where it answers the first try.',
    mend: 'Believe payloadMatches: true only; else report "used before" or "unknown".',
  },
  'POE-5-5': {
    why: 'Servers that know the old draft only say no more than Allow and a result by GET.',
    wrong: 'A 405 is never believed, or an Allow with POST is not looked at.',
    mend: 'Take both kinds of proof, and control the second by an address that was never issued.',
  },
  'POE-5-6': {
    why: 'An answer to this try may say nothing about the try before.',
    wrong:
      '404, 410, 500 or 502 after a lost answer is told as a failure; 401 and 422 are retried.',
    mend: 'Keep in mind whether an earlier try may have arrived, and judge by the table of 14.2.',
  },
  'POE-5-7': {
    why:
      'The answer that was lost is still to be had; without it the order is placed all the ' +
      'same.',
    wrong: 'The result is not fetched, or a failure to fetch it turns success into an error.',
    mend: 'GET the link after an inferred success, and report success whatever comes of it.',
  },
  'POE-5-8': {
    why: 'Other content is another order, and the server will say so.',
    wrong: 'The body is built anew for each try, with a time or a boundary in it.',
    mend: 'Make the bytes once, and send them each time.',
  },
  'POE-8-1': {
    why: 'A server that has trouble is not helped by a hail of requests.',
    wrong: 'The helper retries at once.',
    mend: 'Wait some hundred milliseconds at least.',
  },
  'POE-8-2': {
    why: 'An outage that lasts is not over sooner for being asked more often.',
    wrong: 'The pause is constant.',
    mend: 'Double the pause each time, up to a cap, with a random part.',
  },
  'POE-8-3': {
    why: 'A machine that goes on for ever decides in the place of everybody.',
    wrong: 'There is a limit only where somebody sets one.',
    mend: 'Set a limit by default, and ask a person then.',
  },
  'POE-8-4': {
    why: 'The order, and what is in it, was meant for one origin.',
    wrong: 'Links and redirects are followed wherever they lead.',
    mend: 'Compare origins before anything is sent; let the user allow others by name.',
  },
  'POE-A-4': {
    why: 'Whatever is changed in a link makes another address of it.',
    wrong: 'The link is normalised, decoded or completed; addresses are guessed from it.',
    mend: 'Send the link as it was written, resolved and nothing else.',
  },
  'H-303-2': {
    why: '307 and 308 keep method and content; a GET there is another request.',
    wrong: 'The library turns the POST into a GET, or drops the content.',
    mend: 'Send the same POST to the target, or stop and say so.',
  },
  'H-FRM-1': {
    why: 'Some servers wait for a content that has no length.',
    wrong: 'An empty POST goes out without Content-Length.',
    mend: 'Send Content-Length: 0.',
  },
  'H-RETRY-1': {
    why: 'Without a link a further POST is a further order.',
    wrong: 'The retry helper is set for all POSTs.',
    mend: 'Retry at links that were announced, and nowhere else.',
  },
}
