-- ARGV: tenant, endpoint. Returns whether it was there. Its deliveries go with it, if it was this tenant's.
if redis.call('HDEL', ENDPOINTS .. ARGV[1], ARGV[2]) == 0 then return 0 end
for _, id in ipairs(redis.call('ZRANGE', DELIVERIES .. ARGV[2], 0, -1)) do
  forget(ARGV[2], id)
end
return 1
