-- ARGV: tenant, endpoint. Returns whether it was there. Its deliveries go with it.
local was = redis.call('HDEL', ENDPOINTS .. ARGV[1], ARGV[2])
for _, id in ipairs(redis.call('ZRANGE', DELIVERIES .. ARGV[2], 0, -1)) do
  forget(ARGV[2], id)
end
return was
