-- ARGV: tenant, its JSON as it was read and as it is to be, its name as it was and as it is to be.
-- Returns 0 when it has changed in between, -1 when another has the name.
local tenant, old, new = ARGV[1], ARGV[4], ARGV[5]
if redis.call('GET', TENANT .. tenant) ~= ARGV[2] then return 0 end
if old ~= new then
  if redis.call('HEXISTS', NAMES, new) == 1 then return -1 end
  redis.call('HDEL', NAMES, old)
  redis.call('HSET', NAMES, new, tenant)
end
redis.call('SET', TENANT .. tenant, ARGV[3])
return 1
