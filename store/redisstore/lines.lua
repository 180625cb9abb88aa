-- One step through the lines of one origin. Nothing is written.
--
-- KEYS: the origin's clock and its peers, which also say which node is asked.
-- ARGV: the cursor, the pattern of the keys of lines, how many keys to look at,
-- and the length of what stands before the name of a line.
-- Answers with the next cursor, the time, the number of processes, and then the
-- name and the value of each line.

local PEER_LIFE = 10

local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1e6
local seen, ahead = string.match(redis.call('GET', KEYS[1]) or '', '^(%S+) (%S+)$')
if seen then now = math.max(now + tonumber(ahead), tonumber(seen)) end
local from = '(' .. string.format('%.17g', now - PEER_LIFE)
local step = redis.call('SCAN', ARGV[1], 'MATCH', ARGV[2], 'COUNT', ARGV[3])
local reply = {step[1], string.format('%.17g', now), tostring(redis.call('ZCOUNT', KEYS[2], from, '+inf'))}
for _, key in ipairs(step[2]) do
  local value = redis.call('GET', key)
  if value then
    reply[#reply + 1] = string.sub(key, tonumber(ARGV[4]) + 1)
    reply[#reply + 1] = value
  end
end
return reply
