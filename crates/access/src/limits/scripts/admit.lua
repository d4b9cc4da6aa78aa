-- Admits one request if its nonce is new and its window has room. A refusal changes nothing but expired entries.
--
-- KEYS: window, nonces
-- ARGV: maximum (0: unlimited), span in ms, nonce ('': unsigned), time of signing in s, tolerance in s, expiry in s
-- Returns: verdict, now in ms, used, ms until there is more room

local window, nonces = KEYS[1], KEYS[2]
local max, span = tonumber(ARGV[1]), tonumber(ARGV[2])
local nonce, signed, tolerance, expiry = ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])

if nonce ~= '' and math.abs(seconds - signed) > tolerance then return {'stale', now, 0, 0} end
local used, reset, renew = 0, 0, false
if max > 0 then
  used, reset, renew = slide(window, span)
  if used >= max then
    if nonce ~= '' and redis.call('SISMEMBER', nonces, nonce) == 1 then return {'replayed', now, 0, 0} end
    return {'too_fast', now, used, until_gone(window, span, used + 1 - max)}
  end
end
if nonce ~= '' then
  if redis.call('SADD', nonces, nonce) == 0 then return {'replayed', now, 0, 0} end
  -- NX: only the first call for a set changes it and is written to the append-only file.
  redis.call('EXPIREAT', nonces, expiry, 'NX')
end
if max > 0 then
  push(window, span, 1, renew)
  used = used + 1
end
return {'admitted', now, used, reset}
