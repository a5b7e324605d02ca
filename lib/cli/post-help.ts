/**
 * What `poe post --help` prints.
 */
import { REQUEST_HELP } from './request-options.js'

/** The text. */
export const POST_HELP: string = `\
Usage: poe post <url> (--json <text> | --form <text> | --data <what>) [options]
       poe post --link <uri> (--json <text> | --form <text> | --data <what>) [options]

Sends a POST so that it takes effect once, however often it has to be tried, and tells how it
ended. The link that it goes to is found on the page at <url>.

  <url>                  a page that has a link, or an endpoint that gives one to an empty POST:
                         that is tried where the server answers GET with 404 or 405
  --link <uri>           post there; relative to <url>, which is not asked then
  --mint                 <url> is an endpoint: do not try GET

  --json <text>          the content, as application/json; checked before anything is sent
  --form <text>          the content, as application/x-www-form-urlencoded
  --data @<file>         the content of a file, as application/octet-stream
  --data -               the same from stdin (or @-); any other text stands for itself;
                         --header 'Content-Type: ...' says another type

${REQUEST_HELP}
  --journal <file>       keep link and content there until it is settled, for \`poe resume\`; no
                         login is kept
  --idempotency-key <key>
                         for a server with Idempotency-Key: post to <url> itself, with this key on
                         every try; auto for a fresh one

The time limits count for finding the link and for the POST each. Relative paths start where the
command was typed, under npm, too. What happens on the way, and a verdict, are told on stderr; on
stdout stands the answer's content.

--output json prints one object on stdout, with
  outcome      accepted, accepted-earlier, refused, used-before, gone or unknown
  reason       of refused: answered, redirected, not-sent, no-link, interrupted; of unknown:
               gave-up, unproven, forgotten, not-repeatable, interrupted, failed; else null
  link, idempotencyKey, attempts, status, location
  body         JSON as a value, text as a string, all else as {"base64": "..."}; null for none
  bodyError    why the content could not be read, else null; the outcome does not depend on it
  message      the verdict in words
and isFinal (unknown), payloadMatches and freshLink (used-before).

Exit codes:
  0    it took effect (accepted, accepted-earlier)
  1    it did not, by the server's word (refused, used-before with other content, gone), or nothing
       was sent: no link, no connection
  2    misuse; nothing was sent
  3    unknown: it may have taken effect. Repeat with the same link, or \`poe resume\`; never anew.
       So is a link that was used, if nobody says by whom: then look at \`location\`
  130, 143   interrupted by SIGINT or SIGTERM before anything could take effect`
