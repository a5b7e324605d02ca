/** What `poe check --help` says. */

/** The text. */
export const CHECK_HELP = `\
Usage: poe check <URL> [options]
       poe check --compare <report or URL>... [options]

Judges a running server from outside: whether each of its links takes effect once, and what it
answers then. The URL is the page that hands out links, or the endpoint that makes them. The server
should be one that nobody needs: several hundred POSTs are sent to it. With --door it is judged by
a sibling of POE.

By which scheme:
  --door <name>             poe; idempotency-key: the URL is the target of requests with a key;
                            action-id: an empty POST to the URL makes a resource for one PUT;
                            conditional: the URL has an ETag, and takes POST with If-Match.
                            Default: poe

What the suite is told (each thing more lets it ask more; an adapter file can hold all of it):
  --adapter <file>          a JSON file; docs/conformance.md has its members
  -H, --header 'K: V'       a field of every request, such as a login; may be repeated
  --valid <json>            a content that the server accepts; {n} becomes a number
  --invalid <json>          a content that it refuses
  --second-user 'K: V'      somebody else's login; may be repeated
  --effects <url#pointer>   where effects are counted: a number, or a list, in a JSON document
  --restart <command>       restarts the server; a shell runs it

What is asked:
  --profile <name>          core: what the draft and HTTP demand; full: and recommend; safe: and
                            what follows from them. Default: safe
  --only <ids>              only these checks or requirements, joined by commas; may be repeated
  --skip <id=reason>        not this one; may be repeated
  --rounds <n>              rounds of each race. Default: 20
  --strict                  warnings fail, and what is not judged leaves the verdict open
  --list                    print all checks and end

How:
  --timeout <ms>            how long a request may take. Default: 10000
  --total <ms>              how long the whole may take. Default: 600000
  --jobs <n>                so many checks at once, where none disturbs another. Default: 6, and
                            24 where answers are long on their way
  --pace <ms> or <n>/s      between two requests, or requests a second. Default: none; 429 and its
                            Retry-After are obeyed anyway
  --age <ms>                how old used links are when they are tried again. Default: 10000
  --http2                   speak HTTP/2
  --ca <file>               a certificate (PEM) to trust besides the usual ones
  --report <form>           text, json, junit, tap, html or badge (SVG). Default: text
  --output <file>           write the report there, and the text to the terminal

Side by side:
  --compare                 a table of several reports (files of --report json) and servers (URLs,
                            judged with the same options): text, json or html

\`poe explain <id>\` tells what a rule asks, and how to mend a server that breaks it.

Exit 0: conformant in what was judged. 1: not. 2: could not tell, or called wrongly.`
