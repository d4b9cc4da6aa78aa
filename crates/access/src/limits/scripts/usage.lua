-- Current usage of all limits. Writes nothing.
--
-- KEYS: day, then the windows
-- ARGV: span in ms
-- Returns: now in ms, jobs of the day, pixels of the day, then for each window: used, ms until there is more room

local span = tonumber(ARGV[1])
local stored = redis.call('HMGET', KEYS[1], 'day', 'jobs', 'pixels')
local answer = {now, 0, 0}
if tonumber(stored[1]) == math.floor(seconds / 86400) then
  answer[2], answer[3] = tonumber(stored[2]), tonumber(stored[3])
end
for n = 2, #KEYS do
  local used, reset = 0, 0
  for _, entry in ipairs(redis.call('LRANGE', KEYS[n], 0, -1)) do
    if age(entry) > span then break end
    used, reset = used + 1, span - age(entry) + 1
  end
  answer[#answer + 1] = used
  answer[#answer + 1] = reset
end
return answer
