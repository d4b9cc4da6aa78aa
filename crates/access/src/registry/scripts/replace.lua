-- ARGV: tenant, its JSON as read and its new JSON, its name as read and its new name.
-- Returns 0 if it has changed since, -1 if the new name is taken.
local tenant, old, new = ARGV[1], ARGV[4], ARGV[5]
if redis.call('GET', TENANT .. tenant) ~= ARGV[2] then return 0 end
if old ~= new then
  if redis.call('HEXISTS', NAMES, new) == 1 then return -1 end
  redis.call('HDEL', NAMES, old)
  redis.call('HSET', NAMES, new, tenant)
end
redis.call('SET', TENANT .. tenant, ARGV[3])
return 1
