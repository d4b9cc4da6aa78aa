-- ARGV: tenant, its JSON, its name, then of its first key: id, hash, mode, sealed secret, lifetime.
-- Returns the time, or 0 when the name is taken.
local tenant, at = ARGV[1], now()
local owner = redis.call('HGET', NAMES, ARGV[3])
-- A call whose answer was lost is sent again: the same id is the same tenant.
if owner and owner ~= tenant then return 0 end
if not owner then
  redis.call('HSET', NAMES, ARGV[3], tenant)
  redis.call('ZADD', TENANTS, at, tenant)
  redis.call('SET', TENANT .. tenant, ARGV[2])
  write(tenant, ARGV[4], ARGV[5], ARGV[6], ARGV[7], tonumber(ARGV[8]), at)
end
return at
