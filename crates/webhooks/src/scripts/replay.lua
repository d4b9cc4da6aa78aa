-- ARGV: tenant, endpoint, delivery. It is tried at once, as if for the first time. Returns whether it is there.
local key, at = DELIVERY .. ARGV[3], now()
local f = redis.call('HMGET', key, 'tenant', 'endpoint')
if f[1] ~= ARGV[1] or f[2] ~= ARGV[2] then return 0 end
redis.call('HSET', key, 'state', 'pending', 'attempt', 0, 'next', at)
redis.call('HINCRBY', key, 'token', 1)
redis.call('ZADD', DUE, at, ARGV[3])
redis.call('PEXPIRE', key, KEPT)
redis.call('PEXPIRE', DELIVERIES .. ARGV[2], KEPT)
return 1
