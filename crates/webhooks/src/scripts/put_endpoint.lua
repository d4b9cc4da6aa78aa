-- ARGV: tenant, endpoint, its JSON, what it must be now ('' for a new one).
-- Returns 1, 0 when there are too many, -1 when it is not what it must be.
local key = ENDPOINTS .. ARGV[1]
local is = redis.call('HGET', key, ARGV[2])
-- A call whose answer was lost is sent again.
if is == ARGV[3] then return 1 end
if (is or '') ~= ARGV[4] then return -1 end
if not is and redis.call('HLEN', key) >= MOST_ENDPOINTS then return 0 end
redis.call('HSET', key, ARGV[2], ARGV[3])
return 1
