-- Charges a day's quotas, and the window of submissions, with a number of jobs: all of it or nothing.
--
-- KEYS: day, window
-- ARGV: jobs, pixels, most jobs, most pixels (0: any number), submissions, most submissions, span in ms
-- Answer: verdict, now in ms, jobs of the day, pixels of the day, submissions in the window, ms until room there

local day, window = KEYS[1], KEYS[2]
local jobs, pixels = tonumber(ARGV[1]), tonumber(ARGV[2])
local most_jobs, most_pixels = tonumber(ARGV[3]), tonumber(ARGV[4])
local submissions, most, span = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])

local today = math.floor(seconds / 86400)
local kept = redis.call('HMGET', day, 'day', 'jobs', 'pixels')
local used_jobs, used_pixels = 0, 0
if tonumber(kept[1]) == today then used_jobs, used_pixels = tonumber(kept[2]), tonumber(kept[3]) end

local used = 0
if most > 0 then used = slide(window, span) end
local function answer(verdict, room)
  return {verdict, now, used_jobs, used_pixels, used, room}
end

if most_jobs > 0 and used_jobs + jobs > most_jobs then return answer('jobs', 0) end
if most_pixels > 0 and used_pixels + pixels > most_pixels then return answer('pixels', 0) end
if submissions > 0 and most > 0 then
  if used + submissions > most then
    return answer('too_fast', until_gone(window, span, used + submissions - most))
  end
  push(window, span, submissions)
  used = used + submissions
end
used_jobs, used_pixels = used_jobs + jobs, used_pixels + pixels
redis.call('HSET', day, 'day', today, 'jobs', used_jobs, 'pixels', used_pixels)
redis.call('EXPIREAT', day, (today + 1) * 86400)
return answer('admitted', until_gone(window, span, 1))
