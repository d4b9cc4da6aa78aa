-- ARGV: tenant, endpoint, delivery, event, body, ms until its first attempt.
-- What is there already stays as it is. Returns whether it is new.
local tenant, endpoint, id, at = ARGV[1], ARGV[2], ARGV[3], now()
if redis.call('EXISTS', DELIVERY .. id) == 1 then return 0 end
-- Removed in the meantime.
if redis.call('HEXISTS', ENDPOINTS .. tenant, endpoint) == 0 then return 0 end
local due = at + tonumber(ARGV[6])
redis.call('HSET', DELIVERY .. id, 'tenant', tenant, 'endpoint', endpoint, 'event', ARGV[4], 'body', ARGV[5],
  'state', 'pending', 'attempt', 0, 'token', 0, 'created', at, 'next', due)
redis.call('PEXPIRE', DELIVERY .. id, KEPT)
redis.call('ZADD', DUE, due, id)
local list = DELIVERIES .. endpoint
redis.call('ZADD', list, at, id)
redis.call('PEXPIRE', list, KEPT)
for _, old in ipairs(redis.call('ZRANGE', list, 0, -1 - MOST_DELIVERIES)) do
  forget(endpoint, old)
end
return 1
