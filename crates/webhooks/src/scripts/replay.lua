-- ARGV: tenant, endpoint, delivery. Tries it at once, from the start of the schedule. Returns whether it exists.
local key, at = DELIVERY .. ARGV[3], now()
local f = redis.call('HMGET', key, 'tenant', 'endpoint')
if f[1] ~= ARGV[1] or f[2] ~= ARGV[2] then return 0 end
redis.call('HSET', key, 'state', 'pending', 'attempt', 0, 'next', at)
redis.call('HINCRBY', key, 'token', 1)
redis.call('PEXPIRE', key, RETENTION)
redis.call('PEXPIRE', DELIVERIES .. ARGV[2], RETENTION)
put_due(ARGV[1], ARGV[2], ARGV[3], at)
return 1
