-- ARGV: greatest number, ms of the lease. Takes deliveries that are due; if nothing is heard of one, it is due again when
-- the lease is over. Returns for each: id, token, attempts so far, tenant, endpoint, event, body; and last ms until the
-- next one is due (-1: none is known).
local at, taken = now(), {}
for _, id in ipairs(redis.call('ZRANGE', DUE, '-inf', at, 'BYSCORE', 'LIMIT', 0, tonumber(ARGV[1]))) do
  local f = redis.call('HMGET', DELIVERY .. id, 'tenant', 'endpoint', 'event', 'body', 'attempt', 'state')
  if f[1] and f[6] == 'pending' then
    redis.call('ZADD', DUE, at + tonumber(ARGV[2]), id)
    local token = redis.call('HINCRBY', DELIVERY .. id, 'token', 1)
    taken[#taken + 1] = { id, token, tonumber(f[5]), f[1], f[2], f[3], f[4] }
  else
    redis.call('ZREM', DUE, id)
  end
end
local first = redis.call('ZRANGE', DUE, 0, 0, 'WITHSCORES')
return { taken, first[2] and math.max(0, tonumber(first[2]) - at) or -1 }
