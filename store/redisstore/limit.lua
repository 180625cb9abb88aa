-- One round of one process at the lines of one origin. The law is that of
-- internal/line in Go, function by function and under the same names; a test
-- holds the two together, number by number. Lines here are always shared ones.
--
-- KEYS: the origin's clock, its peers, the last reply to this process, and then
-- one line each.
-- ARGV: the time, if it is not to be the server's; the process; the id of the
-- round; and then an ask each, numbers with a space between: the law, health,
-- recovered, lost, take, want, used, own, hold, how many spans are given back and how many
-- answers there are, and these. "-" is a number that is not given.
-- Answers with the number of processes and then, for each line, the span given
-- and its snapshot.
--
-- Nothing is written before everything is computed, and the first thing written
-- is one that a full server refuses: a round happens as a whole or not at all.

local BUCKET, WINDOW, CONCURRENCY, OPEN, UNKNOWN = 0, 1, 2, 3, 4
local NEVER = 1e300 -- stands for infinity where numbers are text
local TINY, MAX_UNITS = 1e-6, 1e12
local GUARD, SLACK, PACE, DRAIN_RATE = 0.060, 0.03, 0.993, 10
local JITTER, LEAST_SHARE, UPLINK = 0.030, 0.05, 0.012
local PROBE_LAPSE, PEER_LIFE, REPLY_LIFE, HEALTH_LIFE, FAILED_LIFE, NEWS_LIFE, RAMP_HEALTH = 10, 10, 20, 0.5, 4, 3, 0.3
local FIRST_RATE, TOP_RATE, BACK_OFF, CUBIC, PROBE_BY = 1, 1e6, 0.7, 0.4, 0.01
local VIEWS = 12
local VERSION = '1'

local max, min, floor, ceil = math.max, math.min, math.floor, math.ceil
local sqrt, exp, huge = math.sqrt, math.exp, math.huge
local function nan(x) return x ~= x end

-- What a law, and a line, is in numbers, in this order.
local LAW = {'model', 'rate', 'burst', 'q', 'w', 'paced', 'drain', 'trust', 'ban', 'max_freeze', 'lookahead'}
local SNAPSHOT = {
  't', 'epoch', 'issued', 'tail', 'released', 'cap', 'not_after', 'base', 'own', 'turned', 'phase', 'lo', 'hi', 'cold', 'begun',
  'probing', 'probed_at', 'rate', 'burst', 'q', 'foreign', 'trim', 'readings', 'frozen_until', 'frozen_at', 'retry_at', 'strikes',
  'told', 'health', 'want', 'refused',
}
local REST = {'last_at', 'health_at', 'back_at', 'foreign_est', 'foreign_at', 'foreign_remaining', 'foreign_ticket', 'top', 'top_at', 'views'}
local FLAGS = {phase = true, cold = true, begun = true, readings = true}

local function text(x)
  if x == true then return '1' elseif x == false then return '0' end
  if nan(x) then x = 0 elseif x > NEVER then x = NEVER elseif x < -NEVER then x = -NEVER end
  return string.format('%.17g', x)
end

-- numbers reads what text has written.
local function numbers(s)
  local list = {}
  for word in string.gmatch(s, '%S+') do
    local x = tonumber(word)
    if x == nil then x = 0 / 0 elseif x >= NEVER then x = huge elseif x <= -NEVER then x = -huge end
    list[#list + 1] = x
  end
  return list
end

---- laws

local function paced_burst(q)
  if q * (1 - PACE) < 1 then return 1 end
  return 2
end

local function size(l)
  if l.model == UNKNOWN then return MAX_UNITS end
  if l.model == BUCKET and not l.law.paced then return l.burst end
  return l.q
end

local function reserve(l, foreign)
  if l.law.paced or l.model == UNKNOWN then return 0 end
  return min(l.burst / 2, ceil(l.rate * JITTER) + 1 + 4 * sqrt(foreign * 0.5))
end

local function saved(l, foreign) return max(1, l.burst - reserve(l, foreign)) end

local function usable(l)
  if l.law.drain or l.foreign <= 0 then return l.q end
  return max(1, l.q - 3 * sqrt(l.foreign * 2))
end

local function even(left, now, stop) return max(0, left) / max(stop - now, 0.02) end

local function cbrt(x) return x ^ (1 / 3) end

local function feel(rate, top, since, dt)
  if top == 0 then return min(TOP_RATE, rate * 2 ^ min(dt, 60)) end
  local x = since - cbrt((1 - BACK_OFF) * top / CUBIC)
  if x < 0 then return min(TOP_RATE, max(rate, top * 0.95 + min(0, CUBIC * x * x * x))) end
  return min(TOP_RATE, rate * exp(PROBE_BY * dt))
end

---- lines

local function new_line(law, now)
  local l = {
    model = law.model, law = law, t = now, epoch = now, issued = 0, tail = 0, released = 0, cap = huge, not_after = huge, base = 0, own = 0,
    turned = -huge, phase = false, lo = 0, hi = 0, cold = law.model ~= CONCURRENCY and law.model ~= OPEN, begun = false, probing = 0,
    probed_at = -huge, rate = law.rate, burst = law.burst, q = law.q, foreign = 0, trim = 1, readings = false, frozen_until = 0,
    frozen_at = -huge, retry_at = 0, strikes = 0, health = 1, health_at = -huge, back_at = -huge, want = 0, refused = 0, last_at = 0, foreign_est = 0, foreign_at = -1,
    foreign_remaining = 0, foreign_ticket = 0, top = 0, top_at = 0, views = 0, up_to = {}, seen_at = {}, holds = {},
  }
  l.told = size(l)
  for i = 1, VIEWS do l.up_to[i], l.seen_at[i] = 0, 0 end
  return l
end

local function rate_now(l) return max(LEAST_SHARE * l.rate, l.rate - l.foreign) end

local function slope(l)
  local factor = l.health * l.trim
  if l.model == WINDOW and l.phase then
    if l.law.drain then return l.q / l.law.w * DRAIN_RATE * factor end
    local stop = l.lo - GUARD - SLACK * l.law.w
    return even(l.cap - l.released, max(l.t, l.frozen_until), stop) * factor
  end
  if l.model == WINDOW then return PACE * rate_now(l) * factor end
  return rate_now(l) * factor
end

local function flowing(l, now) return max(0, now - max(l.t, l.frozen_until)) end

local function grow(l, dt)
  if l.trim < 1 then l.trim = min(1, l.trim + 0.01 * dt) end
  if l.model == UNKNOWN and not l.cold and dt > 0 and l.t - l.last_at < 1 then
    l.rate = feel(l.rate, l.top, l.t + dt - l.top_at, dt)
  end
end

local function turn(l, now)
  if now < l.hi then return end
  local w = l.law.w
  local ended = l.hi
  local n = floor((now - l.hi) / w) + 1
  local begun = ended + (n - 1) * w
  l.lo, l.hi = l.lo + n * w, l.hi + n * w
  l.released = min(l.released, l.issued)
  if begun - l.turned >= w - 1.5 - SLACK * w then
    l.base, l.own, l.turned = l.issued, l.issued, begun
    if not l.cold then l.released = l.issued + min(1, l.q) end
  end
  l.t = max(l.t, begun)
  l.views, l.foreign_at = 0, -1
end

local function anew(l, now)
  l.epoch, l.released, l.tail = now, l.issued, l.issued
end

local function knock(l, now)
  l.cap, l.not_after = huge, huge
  if l.model == WINDOW and l.phase then turn(l, now) end
  l.released = max(l.released, l.issued)
  if l.probing > 0 and now - l.probed_at >= PROBE_LAPSE then
    l.probing, l.issued = 0, l.released
    anew(l, now)
  end
  if l.probing > 0 or now < l.frozen_until or l.health <= 0 or l.tail <= l.released + TINY then return end
  l.released = min(l.tail, l.released + max(1, l.want))
  l.probing, l.probed_at = 1, now
end

local function ahead(l)
  if l.health < 1 then return 1 end
  if l.model == BUCKET then return saved(l, l.foreign) end
  if l.model == UNKNOWN then return 1 + 0.05 * l.rate end
  return paced_burst(l.q)
end

local function accrue(l, now)
  l.cap, l.not_after = max(l.tail, l.issued) + max(ahead(l), l.want), huge
  l.released = min(l.released + flowing(l, now) * slope(l), l.cap)
end

local function spend(l, now)
  l.cap, l.not_after = l.base + usable(l), l.lo - GUARD
  l.released = min(l.released + flowing(l, min(now, l.not_after)) * slope(l), l.cap)
end

local function advance(l, now)
  now = max(now, l.t)
  grow(l, now - l.t)
  if l.model == CONCURRENCY or l.model == OPEN then
    -- no law of time
  elseif l.cold then
    knock(l, now)
  elseif l.model == WINDOW and l.phase then
    turn(l, now)
    spend(l, now)
  else
    accrue(l, now)
  end
  l.t = now
end

---- what is learnt

local function thaw(l, a)
  local backoff = 2 ^ min(l.strikes - 1, 20)
  local at, hinted = a.retry_at, a.retry_at > l.t
  if not hinted then at = l.t + backoff end
  if l.law.ban then return at end
  if l.model == WINDOW and l.phase then
    if not hinted then return l.hi end
    return max(at, l.hi)
  end
  if l.model == BUCKET and at <= l.t + l.law.max_freeze then
    return min(at, l.t + max(1, l.burst / 2) / l.rate * backoff)
  end
  return at
end

local function stop(l, at)
  if at > l.t + l.law.max_freeze then
    l.retry_at = max(l.retry_at, at)
    at, l.cold = l.t + l.law.max_freeze, true
  end
  if l.law.ban and l.model ~= CONCURRENCY then l.cold = true end
  l.frozen_until = max(l.frozen_until, at)
end

local function freeze(l, a)
  if a.sent >= l.frozen_at then
    l.strikes, l.frozen_at = l.strikes + 1, l.t
    if l.model == UNKNOWN then
      l.top, l.top_at, l.rate = l.rate, l.t, max(FIRST_RATE, BACK_OFF * l.rate)
    elseif not l.readings then
      l.trim = max(LEAST_SHARE, 0.9 * l.trim)
    end
  end
  l.released = min(l.released, l.issued)
  stop(l, thaw(l, a))
end

local function learn_lawless(l, a)
  l.cold = false
  if a.refused then
    freeze(l, a)
  elseif l.model == OPEN and a.remaining == 0 and a.reset_at > l.t then
    stop(l, a.reset_at)
  end
  l.cold = l.model == OPEN and l.frozen_until > l.t
end

local function pick(l, declared, stated)
  if l.law.trust or stated < declared then return min(stated, MAX_UNITS) end
  return declared
end

local function adopt(l, limit, refill)
  local d = l.law
  if limit >= 1 then
    l.told = limit
    if d.model == WINDOW or d.paced then
      local q = pick(l, d.q, limit)
      if d.paced then
        l.q, l.rate, l.burst = q, PACE * q / d.w, paced_burst(q)
      else
        l.q, l.rate, l.burst = q, q / d.w, 0
      end
    else
      l.burst = pick(l, d.burst, limit)
    end
  end
  if refill > 0 and d.model == BUCKET and not d.paced then l.rate = max(LEAST_SHARE * d.rate, pick(l, d.rate, refill)) end
end

local function begin(l, a, lo, hi)
  local w = l.law.w
  local n = ceil((hi - l.t) / w)
  if n ~= 1 then lo, hi = lo - (n - 1) * w, hi - (n - 1) * w end
  l.phase, l.lo, l.hi, l.turned = true, lo, hi, hi - w
  local elapsed = w - (hi - l.t)
  l.own = l.issued - min(l.issued, max(1, l.rate * elapsed))
  l.base = l.own
  if a.remaining >= 0 then l.base = min(l.own, a.ticket + min(a.remaining, l.q) - l.q) end
  l.released, l.views = l.issued, 0
end

local function round(x)
  if x < 0 then return ceil(x - 0.5) end
  return floor(x + 0.5)
end

local function locate(l, a)
  if nan(a.reset_at) then return end
  local lo, hi, w = a.reset_from, a.reset_at, l.law.w
  if nan(lo) or lo > hi then lo = hi end
  if not l.phase then return begin(l, a, lo, hi) end
  local n = round((hi - l.hi) / w)
  if n ~= 0 then lo, hi = lo - n * w, hi - n * w end
  l.lo, l.hi = max(l.lo, lo), min(l.hi, hi)
  if l.lo > l.hi then l.lo, l.hi = lo, hi end
end

local function warm(l, a)
  local known = l.issued
  if l.model == BUCKET and a.remaining > 0 and not a.refused and not l.begun then known = max(known, a.ticket + a.remaining) end
  l.released = min(known, max(l.tail, l.issued) + saved(l, 0))
  l.begun = true
end

local function watch(l, a, remaining)
  local dt = a.sent - l.foreign_at
  if l.foreign_at >= 0 and dt <= 0.5 then return end
  local full = l.model == BUCKET and (remaining >= l.burst - 2 or l.foreign_remaining >= l.burst - 2)
  if l.foreign_at >= 0 and a.ticket > l.foreign_ticket and dt < 5 then
    local taken = l.foreign_remaining - remaining - (a.ticket - l.foreign_ticket)
    if full then taken = 0 elseif l.model == BUCKET then taken = taken + dt * l.rate end
    if taken > -0.5 * l.rate * dt then l.foreign_est = l.foreign_est + min(1, dt / 4) * (taken / dt - l.foreign_est) end
    l.foreign = 0
    if l.foreign_est > 0.04 * l.rate then l.foreign = l.foreign_est end
  end
  l.foreign_at, l.foreign_remaining, l.foreign_ticket = a.sent, remaining, a.ticket
end

local function allowed(l, drift)
  local best = -huge
  for i = 1, min(l.views, VIEWS) do best = max(best, l.up_to[i] + drift * (l.t - l.seen_at[i])) end
  return best
end

local function correct(l, a)
  local remaining = min(a.remaining, size(l))
  watch(l, a, remaining)
  local i = l.views % VIEWS + 1
  l.up_to[i], l.seen_at[i], l.views = a.ticket + remaining, a.sent + UPLINK, l.views + 1
  if l.model == WINDOW and l.phase then
    local w = l.law.w
    local same = nan(a.reset_at) and a.sent > l.hi - w or a.reset_at > l.hi - w / 2
    if same and l.t < l.lo then
      local base = min(l.own, allowed(l, 0) - l.q)
      if base < l.base - 2 or base > l.base + 2 or base == l.own then
        l.base, l.cap = base, base + usable(l)
        l.released = min(l.released, l.cap)
      end
    end
    return
  end
  local most = allowed(l, rate_now(l))
  if l.model == BUCKET then most = most + ceil(l.rate * JITTER) - reserve(l, l.foreign) end
  if l.released > most then l.released = max(most, min(l.released, l.issued)) end
end

local function learn(l, now, a)
  advance(l, now)
  if a.sent >= l.probed_at - TINY then l.probing = 0 end
  if a.failed and not a.refused then
    l.views, l.foreign_at = 0, -1
    return
  end
  if a.success then l.strikes = 0 end
  if a.refused then l.refused = l.refused + 1 end
  if l.model == OPEN or l.model == CONCURRENCY then return learn_lawless(l, a) end
  adopt(l, a.limit, a.refill)
  local was_cold = l.cold
  l.cold = false
  if l.model == WINDOW then locate(l, a) end
  if was_cold then warm(l, a) end
  if a.refused then
    freeze(l, a)
  elseif a.success and a.remaining >= 0 and not l.law.paced then
    correct(l, a)
  end
  l.readings = l.readings or a.remaining >= 0
end

---- turns at a line

local function give(l, units, want)
  l.tail = max(l.tail, l.issued)
  if not (units > 0) then return l.tail, l.tail end
  want = max(1, want)
  local room = max(0, max(l.released + rate_now(l) * l.law.lookahead, l.released + want) - l.tail)
  if units > room then units = floor(room / want + TINY) * want end
  local from = l.tail
  l.tail = from + min(units, MAX_UNITS)
  return from, l.tail
end

local function serve(l, now, ask)
  local health = min(1, max(0, ask.health))
  local life = l.health == 0 and FAILED_LIFE or HEALTH_LIFE
  if l.health == 0 and ask.recovered and health > 0 and health < RAMP_HEALTH then
    l.health, l.health_at, l.back_at = health, now, now
  elseif not (health == 0 and l.health > 0 and now - l.back_at < NEWS_LIFE) and (health <= l.health or now - l.health_at >= life) then
    l.health, l.health_at = health, now
  end
  advance(l, now)
  if ask.take > 0 then l.want = max(1, ask.want) end
  local used = min(ask.used, l.tail)
  if used > l.issued then
    l.issued, l.last_at = used, l.t
    l.released = max(l.released, used)
  end
  if ask.lost then l.released = min(l.released, max(l.issued, l.tail) + 1) end
  for _, s in ipairs(ask.back) do
    if s.from >= l.released - TINY and s.from < s.to and math.abs(s.to - l.tail) <= TINY then l.tail = max(s.from, l.issued) end
  end
  if ask.own ~= 0 and l.model ~= OPEN then
    local before = l.released
    l.released, l.base, l.own = l.released - ask.own, l.base - ask.own, l.own - ask.own
    if ask.own < 0 and l.health < 1 then l.released = min(l.released, max(before, l.issued + max(1, 0.25 * l.rate * l.health))) end
  end
  if l.health == 0 then l.released = max(l.released, l.issued) end
  for _, a in ipairs(ask.answers) do learn(l, now, a) end
  local from, to = give(l, ask.take, ask.want)
  advance(l, now)
  return from, to
end

local function lend(l, now, process, ask)
  advance(l, now)
  for _, a in ipairs(ask.answers) do learn(l, now, a) end
  local self = l.holds[process] or {served = 0}
  local others, sharers, left = 0, 1, {}
  for p, h in pairs(l.holds) do
    if p ~= process and now - h.at < PEER_LIFE then
      left[p] = h
      others = others + h.units
      if h.want > 0 or h.units > 0 then sharers = sharers + 1 end
    end
  end
  local share, most = max(1, floor(l.q / sharers)), l.q
  for _, h in pairs(left) do
    if h.want > 0 and h.units < share then
      most = min(most, share)
      if l.q < sharers and (ask.hold > 0 or h.served < self.served) then most = 0 end
    end
  end
  local units = max(0, min(ask.take, min(l.q - others, most) - ask.hold))
  if now < l.frozen_until then units = 0 end
  left[process] = {units = ask.hold + units, want = ask.take - units, at = now, served = units > 0 and now or self.served}
  l.holds = left
  return most, units
end

---- in and out

-- fields takes named numbers from a list, from position i on.
local function fields(names, list, i, into)
  for n, name in ipairs(names) do
    local x = list[i + n - 1]
    if FLAGS[name] then x = x ~= 0 end
    into[name] = x
  end
  return i + #names
end

local function law_of(list)
  local law = {}
  fields(LAW, list, 1, law)
  for _, name in ipairs({'paced', 'drain', 'trust', 'ban'}) do law[name] = law[name] ~= 0 end
  return law
end

local function same_law(a, b)
  for _, name in ipairs(LAW) do
    if a[name] ~= b[name] then return false end
  end
  return true
end

-- load reads a line: a version, the law and the line in numbers; below it, a row
-- for each process that holds units of a concurrency.
local function load(stored)
  local first, rows = string.match(stored, '^' .. VERSION .. ' ([^\n]*)(.*)$')
  if not first then return nil end
  local list = numbers(first)
  if #list ~= #LAW + #SNAPSHOT + #REST + 2 * VIEWS then return nil end
  local law = law_of(list)
  local l = new_line(law, 0)
  local i = fields(REST, list, fields(SNAPSHOT, list, #LAW + 1, l), l)
  for v = 1, VIEWS do l.up_to[v], l.seen_at[v] = list[i + 2 * v - 2], list[i + 2 * v - 1] end
  for units, want, at, served, process in string.gmatch(rows, '\n(%S+) (%S+) (%S+) (%S+) (%S*)') do
    l.holds[process] = {units = tonumber(units), want = tonumber(want), at = tonumber(at), served = tonumber(served)}
  end
  return l
end

local function written(names, from, list)
  for _, name in ipairs(names) do list[#list + 1] = text(from[name]) end
end

local function dump(l)
  local list = {VERSION}
  written(LAW, l.law, list)
  written(SNAPSHOT, l, list)
  written(REST, l, list)
  for v = 1, VIEWS do
    list[#list + 1] = text(l.up_to[v])
    list[#list + 1] = text(l.seen_at[v])
  end
  local rows = {table.concat(list, ' ')}
  for process, h in pairs(l.holds) do
    rows[#rows + 1] = table.concat({text(h.units), text(h.want), text(h.at), text(h.served), process}, ' ')
  end
  return table.concat(rows, '\n')
end

-- asked reads an ask.
local function asked(s, now)
  local list = numbers(s)
  local ask = {law = law_of(list), back = {}, answers = {}}
  local i = fields({'health', 'recovered', 'lost', 'take', 'want', 'used', 'own', 'hold', 'backs', 'heard'}, list, #LAW + 1, ask)
  ask.lost, ask.recovered = ask.lost ~= 0, ask.recovered ~= 0
  for _ = 1, ask.backs do
    local s = {}
    i = fields({'from', 'to'}, list, i, s)
    ask.back[#ask.back + 1] = s
  end
  for _ = 1, ask.heard do
    local a = {}
    i = fields({'age', 'ticket', 'success', 'failed', 'refused', 'limit', 'remaining', 'refill', 'reset_from', 'reset_in', 'retry_in'}, list, i, a)
    a.success, a.failed, a.refused = a.success ~= 0, a.failed ~= 0, a.refused ~= 0
    a.sent, a.reset_from, a.reset_at, a.retry_at = now - a.age, now + a.reset_from, now + a.reset_in, now + a.retry_in
    ask.answers[#ask.answers + 1] = a
  end
  return ask
end

local function line_of(stored, law, now)
  local l = stored and load(stored)
  if not l or l.law.model ~= law.model or l.law.w ~= law.w then return new_line(law, now) end
  if not same_law(l.law, law) then l.law, l.rate, l.burst, l.q = law, law.rate, law.burst, law.q end
  return l
end

-- keeps returns for how many seconds a line is worth keeping.
local function keeps(l, now)
  local keep = max(60, 2 * l.law.w)
  if l.law.rate > 0 then keep = max(keep, 2 * l.law.burst / l.law.rate) end
  return min(1e8, max(l.t + keep, l.frozen_until) - now)
end

local function millis(seconds) return string.format('%.0f', ceil(seconds * 1000)) end

-- clock returns the time, in seconds. When the server's is set back, or another
-- server takes over whose clock is behind, it goes on from where it was.
local function clock(key, given)
  if given ~= '' then return tonumber(given), 0 end
  local time = redis.call('TIME')
  local now, ahead = tonumber(time[1]) + tonumber(time[2]) / 1e6, 0
  local stored = redis.call('GET', key)
  if stored then
    local seen, by = unpack(numbers(stored))
    ahead = by or 0
    now = now + ahead
    if now < seen then now, ahead = seen, ahead + seen - now end
  end
  return now, ahead
end

local clock_key, peers_key, reply_key = KEYS[1], KEYS[2], KEYS[3]
local process, id = ARGV[2], ARGV[3]

local last = redis.call('GET', reply_key)
if last then
  local at = string.find(last, '\n', 1, true)
  if string.sub(last, 1, at - 1) == id then
    local reply = {}
    for row in string.gmatch(string.sub(last, at + 1), '[^\n]+') do reply[#reply + 1] = row end
    return reply
  end
end

local now, ahead = clock(clock_key, ARGV[1])
local peers = redis.call('ZCOUNT', peers_key, '(' .. text(now - PEER_LIFE), '+inf')
local mine = redis.call('ZSCORE', peers_key, process)
if not mine or tonumber(mine) <= now - PEER_LIFE then peers = peers + 1 end
local reply, lines = {tostring(peers)}, {}
for i = 4, #KEYS do
  local ask = asked(ARGV[i], now)
  local l = lines[KEYS[i]]
  if l then l = line_of(dump(l), ask.law, now) else l = line_of(redis.call('GET', KEYS[i]), ask.law, now) end
  lines[KEYS[i]] = l
  local from, to
  if l.model == CONCURRENCY then from, to = lend(l, now, process, ask) else from, to = serve(l, now, ask) end
  local list = {text(from), text(to)}
  written(SNAPSHOT, l, list)
  reply[#reply + 1] = table.concat(list, ' ')
end

local longest = REPLY_LIFE
redis.call('SET', reply_key, id .. '\n' .. table.concat(reply, '\n'), 'PX', millis(REPLY_LIFE))
for key, l in pairs(lines) do
  longest = max(longest, keeps(l, now))
  redis.call('SET', key, dump(l), 'PX', millis(max(0.001, keeps(l, now))))
end
if ARGV[1] == '' then
  local left = redis.call('PTTL', clock_key)
  redis.call('SET', clock_key, text(now) .. ' ' .. text(ahead), 'PX', millis(max(longest, left / 1000)))
end
redis.call('ZADD', peers_key, text(now), process)
redis.call('ZREMRANGEBYSCORE', peers_key, '-inf', text(now - PEER_LIFE))
redis.call('PEXPIRE', peers_key, millis(REPLY_LIFE))
return reply
