-- Charges a number of jobs to the quotas of the day and, for a batch, to the window of submissions: all or nothing.
--
-- KEYS: day, window
-- ARGV: jobs, pixels, maximum of jobs, maximum of pixels (0: unlimited), submissions, maximum of submissions, span in ms
-- Returns: verdict, now in ms, jobs of the day, pixels of the day, submissions in the window, ms until there is room there

local day, window = KEYS[1], KEYS[2]
local jobs, pixels = tonumber(ARGV[1]), tonumber(ARGV[2])
local max_jobs, max_pixels = tonumber(ARGV[3]), tonumber(ARGV[4])
local submissions, max, span = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])

local today = math.floor(seconds / 86400)
local stored = redis.call('HMGET', day, 'day', 'jobs', 'pixels')
local is_new = tonumber(stored[1]) ~= today
local used_jobs, used_pixels = 0, 0
if not is_new then used_jobs, used_pixels = tonumber(stored[2]), tonumber(stored[3]) end

local counts = submissions > 0 and max > 0
local used, reset, renew = 0, 0, false
if counts then used, reset, renew = slide(window, span) end
local function answer(verdict, room)
  return {verdict, now, used_jobs, used_pixels, used, room}
end

if max_jobs > 0 and used_jobs + jobs > max_jobs then return answer('jobs', 0) end
if max_pixels > 0 and used_pixels + pixels > max_pixels then return answer('pixels', 0) end
if counts then
  if used + submissions > max then
    return answer('too_fast', until_gone(window, span, used + submissions - max))
  end
  push(window, span, submissions, renew)
  used = used + submissions
end
used_jobs, used_pixels = used_jobs + jobs, used_pixels + pixels
redis.call('HSET', day, 'day', today, 'jobs', used_jobs, 'pixels', used_pixels)
if is_new then redis.call('EXPIREAT', day, (today + 1) * 86400) end
return answer('admitted', reset)
