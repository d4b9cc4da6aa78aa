-- As admit.lua for a Redis that refuses writes: checks the request against what is stored and counts nothing.
--
-- KEYS, ARGV and result: as admit.lua

local window, nonces = KEYS[1], KEYS[2]
local max, span = tonumber(ARGV[1]), tonumber(ARGV[2])
local nonce, signed, tolerance = ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])

if nonce ~= '' then
  if math.abs(seconds - signed) > tolerance then return {'stale', now, 0, 0} end
  if redis.call('SISMEMBER', nonces, nonce) == 1 then return {'replayed', now, 0, 0} end
end
local used, reset = 0, 0
if max > 0 then
  -- The most recent `max` entries decide: a full window has that many that have not expired.
  local entry = redis.call('LINDEX', window, max - 1)
  if entry and age(entry) <= span then return {'too_fast', now, max, span - age(entry) + 1} end
  used, reset = math.min(redis.call('LLEN', window), max - 1), until_gone(window, span, 1)
end
return {'admitted', now, used, math.max(reset, 0)}
