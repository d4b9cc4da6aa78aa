-- How a claim ended. ARGV: delivery, token, what becomes of it ('delivered', 'failed', 'pending', or 'back': it was not
-- tried), ms until the next attempt, the attempt's JSON for the log.
-- Returns whether the claim still held: whoever took it after us writes its own end.
local key = DELIVERY .. ARGV[1]
local f = redis.call('HMGET', key, 'token', 'state', 'endpoint')
if f[1] ~= ARGV[2] or f[2] ~= 'pending' then return 0 end
local state, due = ARGV[3], now() + tonumber(ARGV[4])
if state ~= 'back' then
  local log = redis.call('HGET', key, 'log') or ''
  -- Replayed without end, it would grow without end.
  if #log > 16384 then log = '' end
  redis.call('HSET', key, 'state', state, 'log', log .. ARGV[5] .. ',')
  redis.call('HINCRBY', key, 'attempt', 1)
end
if state == 'pending' or state == 'back' then
  redis.call('HSET', key, 'next', due)
  redis.call('ZADD', DUE, due, ARGV[1])
else
  redis.call('ZREM', DUE, ARGV[1])
end
-- A lease that ran out and a settling that comes late must not both count.
redis.call('HINCRBY', key, 'token', 1)
return 1
