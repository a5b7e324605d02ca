/**
 * Every step of the store as a Lua script: atomic, and by the server's own clock.
 *
 * A record is one string. While it runs: its tag (`F` or `U`, what silence makes of it: free or
 * undecided), then as MessagePack the end of its lease, its `keepUntilMs` (0 for never), its owner,
 * and who claimed it. Once it is spent: who claimed it, six bytes of the owner's hash, and the
 * outcome. `packing.ts` writes who and outcome; here they are bytes, of which the first say how
 * long the former is.
 *
 * What is or may become undecided stands in an index, a sorted set for each bucket: a member is a
 * record's key as text (its name is a hash, from which no key can be told), its score the record's
 * `keepUntilMs`. So it has as many members as there are external claims at work and undecided
 * records, and spent ones, which are many, cost it nothing. Where a cluster is just moving the slot
 * and index and record are not in one place, the scripts do without it.
 *
 * An epoch's value: 12 characters of epoch, `1` or `0` for "what it was made on forgets nothing",
 * and the server's replication id then (see `epochs.ts`).
 */
import { createHash } from 'node:crypto'

/** A script, and the name by which the server knows it once it has it. */
export interface RedisScript {
  readonly text: string
  readonly sha: string
  /** Whether the last of its keys is the index. */
  readonly usesIndex: boolean
  /**
   * The same for many: KEYS those of each, one after the other; ARGV for each its arguments as a
   * MessagePack array. Gives for each what it would have given, or the time alone where that is
   * `claimed` or `ok`, or false where it failed.
   */
  readonly together?: RedisScript
}

const TIME = `
  local time = redis.call('TIME')
  local now = time[1] * 1000 + math.floor(time[2] / 1000)
`

const RECORDS = `
  local STALE, OK = {'stale', now}, {'ok', now}
  local key, value

  local function look(name)
    key, value = name, redis.call('GET', name)
  end

  local function running()
    local tag = value and string.sub(value, 1, 1)
    if tag ~= 'F' and tag ~= 'U' then return nil end
    return tag, cmsgpack.unpack(string.sub(value, 2))
  end

  -- A claim in its lease stays, whatever keepUntilMs says.
  local function keepRunning(tag, lease, keep, owner, who, write)
    local packed = tag .. cmsgpack.pack(lease, keep, owner, who)
    if keep == 0 then return write('SET', key, packed) end
    return write('SET', key, packed, 'PXAT', math.max(keep, lease))
  end

  local function spend(who, by, outcome, keep)
    local packed = who .. by .. outcome
    if keep == 0 then return redis.call('SET', key, packed) end
    return redis.call('SET', key, packed, 'PXAT', keep)
  end

  -- How much of a spent record tells who claimed it.
  local function lengthOfWho()
    local kind, high, low = string.byte(value, 1, 3)
    if kind == 2 then return 45 end
    if kind == 1 then return 49 end
    if kind == 0 then return 3 + high * 256 + low end
    -- A newer release wrote it: nobody's hash fits.
    return #value
  end

  -- What names a spent record's outcome: some of its owner's hash.
  local function markOf()
    local from = lengthOfWho() + 1
    return string.sub(value, from, from + 5)
  end
`

/** For a script that works on one record. */
const RECORD = `${RECORDS}
  look(KEYS[1])
`

const INDEX = `
  local HOUR = 3600000

  -- Notes a key whose silence means doubt. What is past its time goes; the whole set goes with it.
  local function note(index, name, keep)
    if not index then return end
    redis.pcall('ZREMRANGEBYSCORE', index, '-inf', '(' .. now)
    local ends = redis.pcall('PEXPIRETIME', index)
    redis.pcall('ZADD', index, keep == 0 and '+inf' or keep, name)
    if keep == 0 then
      redis.pcall('PERSIST', index)
    elseif ends ~= -1 and ends < keep then
      -- Further than needed, so that not every claim writes it.
      redis.pcall('PEXPIREAT', index, keep + HOUR)
    end
  end

  local function isNoted(index, name)
    return not index or redis.call('ZSCORE', index, name)
  end

  -- A note that stays behind does no harm: a list looks at the record.
  local function strike(index, name)
    if index then redis.call('ZREM', index, name) end
  end
`

const MEMORY = `
  local replication
  -- Whether a token's epoch names the memory that this server has, unbroken, as a master.
  local function disagrees(epoch, name)
    local stored = redis.call('GET', name)
    if not stored or string.sub(stored, 1, 12) ~= epoch then return 'wrong-epoch' end
    replication = replication or redis.call('INFO', 'replication')
    local isMaster = string.find(replication, 'role:master', 1, true)
    local id = string.match(replication, 'master_replid:(%x+)')
    local isKnown = string.find(stored, '^[01]', 13)
    if not isMaster or not isKnown or string.sub(stored, 14) ~= id then return 'unsettled' end
    return nil
  end
`

/** Writes that only make records smaller, shorter or final must work also in a full server. */
const ALSO_WHEN_FULL = '#!lua flags=allow-oom\n'

/**
 * KEYS record, epoch, index; ARGV owner, epoch ('' for none), leaseMs, claimByMs, tokenExpiresMs
 * ('' for never), keepUntilMs (0 for never), tag, who, the mark of the record to be replaced (''
 * for none), the record's key.
 */
export const CLAIM: RedisScript = forOneAndMany(
  `${TIME}${RECORDS}${INDEX}${MEMORY}`,
  3,
  `
  local owner, epoch, tag, who = ARGV[1], ARGV[2], ARGV[7], ARGV[8]
  local leaseMs, claimBy, keep = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[6])

  if value then
    local mark, lease, kept, holder, claimedBy = running()
    if not mark and (ARGV[9] == '' or markOf() ~= ARGV[9]) then return {'spent', now, value} end
    if mark and lease > now then
      if holder ~= owner then return {'running', now, lease - now, claimedBy} end
      -- Sent twice: its lease counts anew, but not from later than the claim may come.
      lease = math.max(lease, math.min(now, claimBy) + leaseMs)
      keepRunning(mark, lease, kept, owner, claimedBy, redis.pcall)
      return {'claimed', now}
    end
    local isOver = mark and kept ~= 0 and now > kept
    if mark == 'U' and not isOver then
      -- Claimed by a release that knew no index.
      if not isNoted(KEYS[3], ARGV[10]) then note(KEYS[3], ARGV[10], kept) end
      return {'undecided', now, lease, holder, claimedBy}
    end
  end

  if now > claimBy then return {'late', now} end
  if epoch ~= '' then
    local obstacle = disagrees(epoch, KEYS[2])
    if obstacle then return {obstacle, now} end
  end
  if ARGV[5] ~= '' and now > tonumber(ARGV[5]) then
    if value and string.sub(value, 1, 1) == 'F' then redis.call('DEL', key) end
    return {'expired', now}
  end
  local written = keepRunning(tag, now + leaseMs, keep, owner, who, redis.pcall)
  if written.err and string.find(written.err, 'OOM', 1, true) then return {'full', now} end
  if written.err then return written end
  if tag == 'U' then note(KEYS[3], ARGV[10], keep) end
  return {'claimed', now}
`,
)

/** KEYS record, epoch; ARGV epoch ('' for none). */
export const READ: RedisScript = script(`${TIME}${RECORD}${MEMORY}
  if value then
    local mark, lease, kept, holder, claimedBy = running()
    if not mark then return {'spent', now, value} end
    if lease > now then return {'running', now, lease - now, claimedBy} end
    local isOver = mark and kept ~= 0 and now > kept
    if mark == 'U' and not isOver then
      return {'undecided', now, lease, holder, claimedBy}
    end
  end
  return {ARGV[1] ~= '' and disagrees(ARGV[1], KEYS[2]) or 'none', now}
`)

/** KEYS record; ARGV owner, leaseMs. */
export const RENEW: RedisScript = script(`${ALSO_WHEN_FULL}${TIME}${RECORD}
  local mark, lease, keep, owner, who = running()
  if not mark or owner ~= ARGV[1] then return STALE end
  keepRunning(mark, now + tonumber(ARGV[2]), keep, owner, who, redis.call)
  return OK
`)

/** KEYS record, index; ARGV owner, the record's key. */
export const MARK: RedisScript = script(`${ALSO_WHEN_FULL}${TIME}${RECORD}${INDEX}
  local mark, lease, keep, owner, who = running()
  if not mark or owner ~= ARGV[1] then return STALE end
  keepRunning('U', lease, keep, owner, who, redis.call)
  note(KEYS[2], ARGV[2], keep)
  return OK
`)

/** KEYS record, index; ARGV owner, its hash, outcome, the record's key. */
export const COMPLETE: RedisScript = forOneAndMany(
  `${ALSO_WHEN_FULL}${TIME}${RECORDS}${INDEX}`,
  2,
  `
  if not value then return STALE end
  local mark, lease, keep, owner, who = running()
  if mark then
    if owner ~= ARGV[1] then return STALE end
    spend(who, ARGV[2], ARGV[3], keep)
    if mark == 'U' then strike(KEYS[2], ARGV[4]) end
    return OK
  end
  if markOf() == ARGV[2] then return OK end
  return STALE
`,
)

/** KEYS record; ARGV the owner's hash, outcome. */
export const ATTACH: RedisScript = script(`${ALSO_WHEN_FULL}${TIME}${RECORD}
  if not value or running() then return STALE end
  if markOf() ~= ARGV[1] then return STALE end
  redis.call('SET', key, string.sub(value, 1, lengthOfWho() + 6) .. ARGV[2], 'KEEPTTL')
  return OK
`)

/** KEYS record, index; ARGV owner, the record's key. */
export const RELEASE: RedisScript = script(`${ALSO_WHEN_FULL}${TIME}${RECORD}${INDEX}
  local mark, lease, keep, owner = running()
  if not mark or owner ~= ARGV[1] then return STALE end
  redis.call('DEL', key)
  if mark == 'U' then strike(KEYS[2], ARGV[2]) end
  return OK
`)

/**
 * KEYS record, index; ARGV owner, an outcome or '' for free, the record's key, the mark of what is
 * decided, which is no owner's.
 */
export const SETTLE: RedisScript = script(`${ALSO_WHEN_FULL}${TIME}${RECORD}${INDEX}
  local mark, lease, keep, owner, who = running()
  if mark ~= 'U' or owner ~= ARGV[1] or lease > now then return STALE end
  if ARGV[2] == '' then
    redis.call('DEL', key)
  else
    spend(who, ARGV[4], ARGV[2], keep)
  end
  strike(KEYS[2], ARGV[3])
  return OK
`)

/**
 * KEYS index; ARGV the score and the key that the page before ended with ('-inf' and '' for none),
 * how many. Gives the time, then keys and scores in turn.
 */
export const INDEXED: RedisScript = script(`${TIME}
  -- A server that takes no writes tells what there is all the same.
  redis.pcall('ZREMRANGEBYSCORE', KEYS[1], '-inf', '(' .. now)
  local most, found, from = tonumber(ARGV[3]), {now}, 0

  -- By bytes, as the set is ordered; Lua's own comparison goes by the server's locale.
  local function isLater(one, other)
    for at = 1, math.min(#one, #other) do
      local here, there = string.byte(one, at), string.byte(other, at)
      if here ~= there then return here > there end
    end
    return #one > #other
  end

  repeat
    local some = redis.call('ZRANGEBYSCORE', KEYS[1], ARGV[1], '+inf', 'WITHSCORES',
      'LIMIT', from, most)
    for at = 1, #some, 2 do
      if some[at + 1] ~= ARGV[1] or isLater(some[at], ARGV[2]) then
        found[#found + 1], found[#found + 2] = some[at], some[at + 1]
      end
    end
    from = from + most
  until #some < 2 * most or #found > 2 * most
  return found
`)

/** KEYS records of one bucket. Gives the time, then for each its owner and since when, or false. */
export const DOUBTED: RedisScript = script(`#!lua flags=no-writes\n${TIME}
  local found = {now}
  for at, key in ipairs(KEYS) do
    local value = redis.call('GET', key)
    found[at + 1] = false
    if value and string.sub(value, 1, 1) == 'U' then
      local lease, keep, owner = cmsgpack.unpack(string.sub(value, 2))
      local isOver = keep ~= 0 and now > keep
      if lease <= now and not isOver then found[at + 1] = {lease, owner} end
    end
  end
  return found
`)

/** What an operator is told of a record; nothing where a name is none of ours. */
const TELL = `
  local function tell(found, name)
    local start = redis.pcall('GETRANGE', name, 0, 4095)
    if type(start) ~= 'string' or start == '' then return end
    local tag = string.sub(start, 1, 1)
    if tag ~= 'F' and tag ~= 'U' then
      local ends = redis.call('PEXPIRETIME', name)
      found[#found + 1] = {name, 'S', start, redis.call('STRLEN', name), ends}
      return
    end
    local packed = string.sub(redis.call('GET', name), 2)
    local isOurs, lease, keep, owner = pcall(cmsgpack.unpack, packed)
    if isOurs then found[#found + 1] = {name, tag, lease, keep, owner} end
  end
`

/** KEYS record. Gives the time, then what is told of it, if it is there. */
export const TELL_ONE: RedisScript = script(`${TIME}${TELL}
  local found = {now}
  tell(found, KEYS[1])
  return found
`)

/**
 * KEYS the epoch of a bucket, which says whose node is gone through; ARGV cursor, pattern, how many
 * names are looked at, how many bytes the client puts before a name. Gives the time, the next
 * cursor, and what is told of each record.
 */
export const SCAN: RedisScript = script(`${TIME}${TELL}
  local page = redis.call('SCAN', ARGV[1], 'MATCH', ARGV[2], 'COUNT', ARGV[3])
  local found = {now, page[1]}
  for _, name in ipairs(page[2]) do
    -- An epoch and an index have shorter names.
    local ends = string.find(name, '}', ARGV[4] + 1, true) or 0
    if #name - ends == 15 then tell(found, name) end
  end
  return found
`)

/** KEYS the secrets; ARGV what is there, what is to be there. */
export const REPLACE_SECRETS: RedisScript = script(`${ALSO_WHEN_FULL}
  if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
  redis.call('SET', KEYS[1], ARGV[2])
  return 1
`)

/** What a replica is told to be; `READONLY` before it is what clients know, and connect anew by. */
export const IS_REPLICA = 'The Redis server is a replica, which may lag. Connect to its master.'

/** KEYS epoch. No flags: also a server that is too old must be able to say so. */
export const LOOK: RedisScript = script(`${TIME}
  local replication = redis.call('INFO', 'replication')
  if not string.find(replication, 'role:master', 1, true) then
    return redis.error_reply('READONLY ${IS_REPLICA}')
  end
  local policy = string.match(redis.call('INFO', 'memory'), 'maxmemory_policy:([%w-]+)')
  local version = string.match(redis.call('INFO', 'server'), 'redis_version:([%w.]+)')
  local stored = redis.call('GET', KEYS[1])
  return {now, stored or '', replication, policy or '', version or ''}
`)

/** KEYS epoch; ARGV the value that was seen, the replication id that was seen, the new value. */
export const REPLACE: RedisScript = script(`${ALSO_WHEN_FULL}
  local id = string.match(redis.call('INFO', 'replication'), 'master_replid:(%x+)')
  if id ~= ARGV[2] or (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end
  redis.call('SET', KEYS[1], ARGV[3])
  return 1
`)

function script(text: string, together?: RedisScript): RedisScript {
  const sha = createHash('sha1').update(text).digest('hex')
  const usesIndex = text.includes(INDEX)
  return together === undefined ? { text, sha, usesIndex } : { text, sha, usesIndex, together }
}

/**
 * A script for one record, and the same for many.
 *
 * @param head - what both begin with
 * @param keys - how many keys each record has
 * @param step - what is done with KEYS and ARGV of one record
 */
function forOneAndMany(head: string, keys: number, step: string): RedisScript {
  const one = `${head}
  local function one(KEYS, ARGV)
  look(KEYS[1])
${step}
  end
`
  const many = script(`${one}
  local replies = {}
  for at = 1, #ARGV do
    local from = (at - 1) * ${keys}
    -- One that fails takes nobody with it: it is asked for again by itself.
    local isDone, reply = pcall(one, {unpack(KEYS, from + 1, from + ${keys})},
      cmsgpack.unpack(ARGV[at]))
    if not isDone or reply.err then
      reply = false
    elseif reply[1] == 'claimed' or reply[1] == 'ok' then
      reply = reply[2]
    end
    replies[at] = reply
  end
  return replies
`)
  return script(`${one}\n  return one(KEYS, ARGV)\n`, many)
}
