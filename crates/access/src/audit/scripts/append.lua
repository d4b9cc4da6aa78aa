-- Appends records, and drops what is too old or too many.
--
-- KEYS: stream of the proven, stream of strangers
-- ARGV: retention in ms, most proven, most strangers, then for each record: 1 (proven) or 2, tenant, key, operation,
--       outcome, reason, ip, request, age in ms

local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local retention = tonumber(ARGV[1])
local most = {ARGV[2], ARGV[3]}

local touched = {}
for i = 4, #ARGV, 9 do
  local stream = tonumber(ARGV[i])
  touched[stream] = true
  -- The same fields in the same order each time: Redis then stores their names once for a hundred records.
  redis.call('XADD', KEYS[stream], 'MAXLEN', '~', most[stream], '*', 'tenant', ARGV[i + 1], 'key', ARGV[i + 2],
    'operation', ARGV[i + 3], 'outcome', ARGV[i + 4], 'reason', ARGV[i + 5], 'ip', ARGV[i + 6],
    'request', ARGV[i + 7], 'age', ARGV[i + 8])
end
for stream in pairs(touched) do
  redis.call('XTRIM', KEYS[stream], 'MINID', '~', now - retention)
  -- An idle log is not trimmed by appends, so it expires.
  redis.call('PEXPIRE', KEYS[stream], retention)
end
return #ARGV
