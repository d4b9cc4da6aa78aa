-- ARGV: tenant, its JSON, its name, then id, hash, mode, sealed secret and lifetime of its first key.
-- Returns the time, or 0 if the name is taken.
local tenant, at = ARGV[1], now()
local owner = redis.call('HGET', NAMES, ARGV[3])
-- Idempotent: a call whose answer was lost is repeated with the same id.
if owner and owner ~= tenant then return 0 end
if not owner then
  redis.call('HSET', NAMES, ARGV[3], tenant)
  redis.call('ZADD', TENANTS, at, tenant)
  redis.call('SET', TENANT .. tenant, ARGV[2])
  write(tenant, ARGV[4], ARGV[5], ARGV[6], ARGV[7], tonumber(ARGV[8]), at)
end
return at
