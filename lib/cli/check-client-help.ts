/** What `poe check-client --help` says. */

/** The text. */
export const CHECK_CLIENT_HELP = `\
Usage: poe check-client [options] -- <command> [arguments]
       poe check-client --serve <folder> [options] [-- <command> [arguments]]

Judges a client from outside: plays a server that loses answers, is busy, redirects and lies, runs
the command once for each scenario, and looks at what it sent and at how it ended. In the arguments
{url} becomes the URL of a page that hands out a link, {link} a link, {fresh} an empty folder of its
own; the first two are in POE_URL and POE_LINK of the environment, too. The command sends one POST
and tells by its exit code how that ended.

  --takes <page|link>       what the client is given. Default: page
  --exits <code=word,...>   what its exit codes say: accepted, refused (it did not happen), unknown,
                            or failed (an error that does not say which).
                            Default: 0=accepted,1=refused,3=unknown
  --serve <folder>          the client is a page: the folder's index.html is served, {url} becomes
                            its URL, and it tells its end by a POST of {"outcome": "..."} to
                            /poe-check-client/ended; without a command somebody opens the URLs
  --only <ids>              only these checks or requirements, joined by commas; may be repeated
  --skip <id=reason>        not this one; may be repeated
  --strict                  warnings fail, and what is not judged leaves the verdict open
  --list                    print all checks and end
  --timeout <ms>            how long the client may take in one scenario. Default: 60000
  --jobs <n>                scenarios side by side. Default: 4
  --report <form>           text, json, junit, tap, html or badge (SVG). Default: text
  --output <file>           write the report there, and the text to the terminal

Exit 0: conformant in what was judged. 1: not. 2: could not tell, or called wrongly.`
