-- Records the result of an attempt. ARGV: delivery, token, new state ('delivered', 'failed' or 'pending'), ms until the
-- next attempt, the attempt's JSON for the log.
-- Returns whether the claim was still valid; otherwise another process has taken the delivery.
local key = DELIVERY .. ARGV[1]
local f = redis.call('HMGET', key, 'token', 'state', 'endpoint', 'tenant', 'log')
if f[1] ~= ARGV[2] or f[2] ~= 'pending' then return 0 end
local state, endpoint, tenant, due = ARGV[3], f[3], f[4], now() + tonumber(ARGV[4])
-- The oldest attempts make room.
local log = (f[5] or '') .. ARGV[5] .. ','
while #log > MAX_LOG do
  local cut = string.find(log, '},', 1, true)
  if not cut or cut + 2 > #log then break end
  log = string.sub(log, cut + 2)
end
redis.call('HSET', key, 'state', state, 'log', log, 'next', due)
redis.call('HINCRBY', key, 'attempt', 1)
-- A lease that ran out and a late result must not both count.
redis.call('HINCRBY', key, 'token', 1)
redis.call('PEXPIRE', key, RETENTION)
redis.call('PEXPIRE', DELIVERIES .. endpoint, RETENTION)
if state == 'delivered' then
  redis.call('SADD', PROVEN, endpoint)
else
  redis.call('SREM', PROVEN, endpoint)
end
if state == 'pending' then
  redis.call('ZADD', DUE .. endpoint, due, ARGV[1])
else
  redis.call('ZREM', DUE .. endpoint, ARGV[1])
end
schedule(tenant, endpoint, 0)
return 1
