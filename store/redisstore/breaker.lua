-- One swap of a record.
-- KEYS[1] the record; ARGV: what is expected, what to put, milliseconds to keep
-- it. Values have a sign in front: "+" and the bytes, or "-" for none.
-- Answers with the server's seconds and microseconds, what is there now, and 1
-- if this call put it there.
local time = redis.call('TIME')
local stored = redis.call('GET', KEYS[1])
local current = stored and '+' .. stored or '-'
local prev, next = ARGV[1], ARGV[2]
if next == '-' or next == prev or current ~= prev then
  return {time[1], time[2], current, '0'}
end
redis.call('SET', KEYS[1], string.sub(next, 2), 'PX', ARGV[3])
return {time[1], time[2], next, '1'}
