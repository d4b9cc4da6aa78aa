-- How much of everything is used. It changes nothing that counts.
--
-- KEYS: day, then the windows
-- ARGV: span in ms
-- Answer: now in ms, jobs of the day, pixels of the day, then for each window: used, ms until more room

local span = tonumber(ARGV[1])
local kept = redis.call('HMGET', KEYS[1], 'day', 'jobs', 'pixels')
local answer = {now, 0, 0}
if tonumber(kept[1]) == math.floor(seconds / 86400) then
  answer[2], answer[3] = tonumber(kept[2]), tonumber(kept[3])
end
for n = 2, #KEYS do
  answer[#answer + 1] = slide(KEYS[n], span)
  answer[#answer + 1] = until_gone(KEYS[n], span, 1)
end
return answer
