-- Admits one request: its nonce has not been seen, and its window has room. A refusal changes nothing.
--
-- KEYS: window, nonces
-- ARGV: most (0: any number), span in ms, nonce ('': unsigned), when it was signed in s, tolerance in s, life in s
-- Answer: verdict, now in ms, used, ms until more room

local window, nonces = KEYS[1], KEYS[2]
local most, span = tonumber(ARGV[1]), tonumber(ARGV[2])
local nonce, signed, tolerance, life = ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])

if nonce ~= '' then
  if math.abs(seconds - signed) > tolerance then return {'stale', now, 0, 0} end
  if redis.call('SISMEMBER', nonces, nonce) == 1 then return {'replayed', now, 0, 0} end
end
local used = 0
if most > 0 then
  used = slide(window, span)
  if used >= most then return {'too_fast', now, used, until_gone(window, span, used + 1 - most)} end
  push(window, span, 1)
  used = used + 1
end
if nonce ~= '' then
  redis.call('SADD', nonces, nonce)
  -- Once for each set: this also goes into the append-only file.
  if redis.call('SCARD', nonces) == 1 then redis.call('EXPIREAT', nonces, life) end
end
return {'admitted', now, used, until_gone(window, span, 1)}
