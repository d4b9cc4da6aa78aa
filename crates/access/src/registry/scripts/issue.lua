-- ARGV: tenant, then id, hash, mode, sealed secret and lifetime of the new key; then the keys to replace ('': none,
-- '*': all of the same mode, or one id) and their grace period in milliseconds.
-- Returns the time and the replaced keys. Instead of the time: 0: unknown tenant, -1: too many keys, -2: unknown key.
local tenant, id, mode, which, grace = ARGV[1], ARGV[2], ARGV[4], ARGV[7], tonumber(ARGV[8])
local at, leaving = now(), {}
if redis.call('EXISTS', TENANT .. tenant) == 0 then return { 0, leaving } end
-- Idempotent: a call whose answer was lost is repeated with the same id.
local again = redis.call('EXISTS', KEY .. id) == 1
local working = tidy(tenant, at)
for _, old in ipairs(redis.call('ZRANGE', KEYS_OF .. tenant, 0, -1)) do
  local ended = end_of(old)
  local works = old ~= id and (not ended or ended > at)
  if works and (old == which or which == '*' and redis.call('HGET', KEY .. old, 'mode') == mode) then
    leaving[#leaving + 1] = old
  end
end
if which ~= '' and which ~= '*' and #leaving == 0 then return { -2, leaving } end
if not again then
  if working >= MAX_KEYS then return { -1, leaving } end
  write(tenant, id, ARGV[3], mode, ARGV[5], tonumber(ARGV[6]), at)
end
for _, old in ipairs(leaving) do
  local ended = end_of(old)
  if not ended or ended > at + grace then redis.call('HSET', KEY .. old, 'expires', at + grace) end
end
return { at, leaving }
