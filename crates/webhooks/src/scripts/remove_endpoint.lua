-- ARGV: tenant, endpoint. Removes it with its deliveries. Returns whether it existed.
if redis.call('HDEL', ENDPOINTS .. ARGV[1], ARGV[2]) == 0 then return 0 end
for _, id in ipairs(redis.call('ZRANGE', DELIVERIES .. ARGV[2], 0, -1)) do
  forget(ARGV[1], ARGV[2], id)
end
redis.call('SREM', PROVEN, ARGV[2])
return 1
