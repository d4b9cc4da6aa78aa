-- ARGV: tenant, endpoint, its JSON, its JSON as read ('' for a new one).
-- Returns 1, 0 if there are too many endpoints, -1 if it has changed since it was read.
local key = ENDPOINTS .. ARGV[1]
local current = redis.call('HGET', key, ARGV[2])
-- Idempotent: a call whose answer was lost is repeated.
if current == ARGV[3] then return 1 end
if (current or '') ~= ARGV[4] then return -1 end
if not current and redis.call('HLEN', key) >= MAX_ENDPOINTS then return 0 end
redis.call('HSET', key, ARGV[2], ARGV[3])
return 1
