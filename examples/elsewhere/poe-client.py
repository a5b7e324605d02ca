"""A POE client of Python's standard library: finds a link in a page, and posts until it is known how
that ended. Exit code 0: accepted; 1: it did not happen; 3: it cannot be told. Redirects of the POST
are not followed. Run it with the URL of a page and a JSON text."""
import email.utils, http.client, random, re, secrets, sys, time
from urllib.parse import urljoin, urlsplit

TRIES, TOTAL_S, TIMEOUT_S, MOST_BYTES = 5, 60, 5, 1_000_000
PAGE, CONTENT = sys.argv[1], sys.argv[2].encode()
ACCEPTED, REFUSED, UNKNOWN = ("accepted", 0), ("refused", 1), ("unknown", 3)


class Answer:
    def __init__(self, response, url):
        self.url, self.status, self.content = url, response.status, response.read(MOST_BYTES)
        lines = response.headers.get_all
        self.field = lambda name: None if lines(name) is None else ", ".join(lines(name))

    def allows(self, method):  # None without Allow: that says nothing
        return self.field("Allow") and method in re.split(r"\s*,\s*", self.field("Allow").strip())

    def says_spent(self):
        return bool(self.allows("GET") and not self.allows("POST"))

    def leads_to_result(self, link):
        parts = re.findall(r"<[^>]*>([^<]*)", self.field("Link") or "")
        fields = [dict(re.findall(r'(\w+)\s*=\s*"?([^";]*)', part)) for part in parts]
        ours = [of for of in fields if "urn:post-once-exactly:rel:result" in of.get("rel", "").split()]
        return any(urljoin(link, of.get("anchor", "")) == link for of in ours)

    def matches(self):
        told = re.search(rb'"payloadMatches"\s*:\s*(true|false)', self.content)
        return told and told[1] == b"true"


def send(method, url, content=None):
    at = urlsplit(url)
    kind = http.client.HTTPSConnection if at.scheme == "https" else http.client.HTTPConnection
    connection = kind(at.hostname, at.port, timeout=TIMEOUT_S)
    fields = {"POE": "1", **({"Content-Type": "application/json"} if content else {})}
    try:
        connection.request(method, (at.path or "/") + ("?" + at.query if at.query else ""), content, fields)
        return Answer(connection.getresponse(), url)
    finally:
        connection.close()


def is_own(url):  # links, and redirects of the page, are the asked origin's or are not used
    return urlsplit(url)[:2] == urlsplit(PAGE)[:2]


def find_link():
    answer = send("GET", PAGE)
    for _ in range(5):
        target = urljoin(answer.url, answer.field("Location") or "")
        if answer.status in (301, 302, 303, 307, 308) and is_own(target):
            answer = send("GET", target)
    value = answer.field("POE-Links") or ""
    if not re.fullmatch(r'(?:[ \t,]*(?:"[^"]*"|[^", \t]+)(?=[ \t]*(?:,|$)))*[ \t,]*', value):
        return None  # what follows a broken member is dropped, and so is what is in front of it
    for member in re.findall(r'"[^"]*"|[^", \t]+', value):
        reference = re.sub(r'^"(.+?)#.*"$', r'"\1"', member).strip('"')
        if re.fullmatch(r"(?:[\w\-.~:/?\[\]@!$&'()*+,;=]|%[0-9A-Fa-f]{2})*", reference, re.ASCII):
            link = urljoin(answer.url, reference) if reference else answer.url
            if is_own(link):
                return link


def ask(link):
    """What the link says of itself: spent, perhaps, unspent, under way, gone, or nothing."""
    try:
        answer = send("GET", link)
        if answer.leads_to_result(link) or b'exactly:problem:body-not-kept"' in answer.content:
            return "spent", answer
        if answer.status in (404, 409, 410):
            return "under way" if answer.status == 409 else "gone", answer
        control = send("GET", re.sub(r"[^/=]{0,12}$", secrets.token_hex(16), link))
        if answer.status < 400 and answer.allows("POST") is not True and 400 <= control.status < 500:
            return "spent" if answer.says_spent() else "perhaps", answer
        if answer.status == 405 and answer.allows("POST") and not control.allows("POST"):
            return "unspent", answer
    except (OSError, http.client.HTTPException):
        pass
    return "nothing", None


def judge(link, answer, doubt):
    """An outcome, or None to send again; and whether there is doubt from now on."""
    status = answer.status
    is_said = answer.allows("POST") is not True if status in (201, 202, 204) else answer.says_spent()
    if is_said and (200 <= status < 300 or status == 303):
        return ACCEPTED, doubt
    if status in (404, 410, 307, 308):
        return UNKNOWN if doubt else REFUSED, doubt
    if status in (408, 425, 429, 502, 503, 504) or status == 409 and answer.field("Retry-After"):
        return None, doubt or status in (408, 502, 503, 504)
    if status == 405:
        return judge_405(link, answer, doubt)
    if 400 <= status < 500 and status != 409 and not doubt:
        return REFUSED, doubt
    state, shown = ask(link)
    if state == "spent" and (doubt or b"" != shown.content == answer.content):
        return ACCEPTED, doubt
    if state in ("spent", "perhaps"):  # whose it was, another POST is told
        return judge_405(link, send("POST", link, CONTENT), doubt or not 400 <= status < 500)
    if state == "under way":
        return None, doubt
    return REFUSED if state == "unspent" and not doubt else UNKNOWN, doubt


def judge_405(link, answer, doubt):
    is_proven = answer.status == 405 and answer.leads_to_result(link)
    state = "nothing" if answer.status != 405 or answer.allows("POST") else ask(link)[0]  # its result
    if not is_proven and state == "under way":
        return None, doubt
    if is_proven or state == "spent" or state == "perhaps" and answer.allows("POST") is False:
        if answer.matches() is False:
            return REFUSED, doubt  # used before, for something else
        return ACCEPTED if doubt or answer.matches() else UNKNOWN, doubt
    return UNKNOWN if doubt or answer.status != 405 or state == "perhaps" else REFUSED, doubt


def pause_s(attempt, answer):
    told = answer and answer.field("Retry-After") or ""
    date = email.utils.parsedate(told) if told.endswith("GMT") else None
    least = int(told) if told.isdigit() else email.utils.mktime_tz((*date, 0)) - time.time() if date else 0
    return max(least, 0.3 * 2 ** attempt * random.uniform(0.75, 1))


def post(link):
    doubt, end = False, time.monotonic() + TOTAL_S
    for attempt in range(TRIES):
        answer = outcome = None
        try:
            answer = send("POST", link, CONTENT)
            outcome, doubt = judge(link, answer, doubt)
        except (OSError, http.client.HTTPException) as error:
            doubt = doubt or not isinstance(error, ConnectionRefusedError)
        wait_s = pause_s(attempt, answer)
        if outcome or attempt + 1 == TRIES or time.monotonic() + wait_s > end:
            break
        print("trying again in %.1f s" % wait_s, file=sys.stderr)
        time.sleep(wait_s)
    return outcome or (REFUSED if not doubt else ACCEPTED if ask(link)[0] == "spent" else UNKNOWN)


found = find_link()
word, code = post(found) if found else ("refused: the page has no link", 1)
print(word)
sys.exit(code)
