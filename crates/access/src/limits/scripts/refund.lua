-- Gives back what a charge took from the day, if it is still that day. What was taken from the window stays taken: the
-- request was made.
--
-- KEYS: day
-- ARGV: day of the charge, jobs, pixels

local kept = redis.call('HMGET', KEYS[1], 'day', 'jobs', 'pixels')
if kept[1] ~= ARGV[1] then return 0 end
local jobs = math.max(0, tonumber(kept[2]) - tonumber(ARGV[2]))
local pixels = math.max(0, tonumber(kept[3]) - tonumber(ARGV[3]))
redis.call('HSET', KEYS[1], 'jobs', jobs, 'pixels', pixels)
return 1
