-- Returns a charge to the day's quotas if it is still the same day. The window keeps its entries: the request was made.
--
-- KEYS: day
-- ARGV: day of the charge, jobs, pixels

local stored = redis.call('HMGET', KEYS[1], 'day', 'jobs', 'pixels')
if stored[1] ~= ARGV[1] then return 0 end
local jobs = math.max(0, tonumber(stored[2]) - tonumber(ARGV[2]))
local pixels = math.max(0, tonumber(stored[3]) - tonumber(ARGV[3]))
redis.call('HSET', KEYS[1], 'jobs', jobs, 'pixels', pixels)
return 1
