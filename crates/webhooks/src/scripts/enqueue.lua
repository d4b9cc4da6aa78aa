-- ARGV: tenant, endpoint, delivery, event, body, ms until the first attempt. Returns whether the delivery is new.
local tenant, endpoint, id, at = ARGV[1], ARGV[2], ARGV[3], now()
if redis.call('EXISTS', DELIVERY .. id) == 1 then return 0 end
-- Removed in the meantime.
if redis.call('HEXISTS', ENDPOINTS .. tenant, endpoint) == 0 then return 0 end
local due = at + tonumber(ARGV[6])
redis.call('HSET', DELIVERY .. id, 'tenant', tenant, 'endpoint', endpoint, 'event', ARGV[4], 'body', ARGV[5],
  'state', 'pending', 'attempt', 0, 'token', 0, 'created', at, 'next', due)
redis.call('PEXPIRE', DELIVERY .. id, RETENTION)
local list = DELIVERIES .. endpoint
redis.call('ZADD', list, at, id)
redis.call('PEXPIRE', list, RETENTION)
redis.call('ZADD', KEPT, at, tenant .. '/' .. endpoint .. '/' .. id)
put_due(tenant, endpoint, id, due)
for _, old in ipairs(redis.call('ZRANGE', list, 0, -1 - MAX_PER_ENDPOINT)) do
  forget(tenant, endpoint, old)
end
for _, old in ipairs(redis.call('ZRANGE', KEPT, 0, -1 - MAX_DELIVERIES)) do
  forget(string.match(old, '^([^/]*)/([^/]*)/(.*)$'))
end
return 1
