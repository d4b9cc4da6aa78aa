-- What the scripts of limits share. All times are Redis's own.
--
-- A window is a list: one entry for each request admitted in it, the newest at the head. An entry is the time of its
-- admission in milliseconds modulo 2^31: Redis packs that into 6 bytes, the whole number would take 10. Only the age of
-- an entry matters, and a window is much shorter than the 24 days after which the numbers repeat. An entry from the
-- future, after the clock was set back, counts as long past, so that nobody is locked out until then.

local WRAP = 2147483648
-- Entries dropped at a time while many are past.
local SWATH = 64

local time = redis.call('TIME')
local seconds = tonumber(time[1])
local now = seconds * 1000 + math.floor(tonumber(time[2]) / 1000)

local function age(entry)
  return (now - tonumber(entry)) % WRAP
end

-- Drops what lies more than `span` back. Answers how many entries are left.
local function slide(window, span)
  while true do
    local entry = redis.call('LINDEX', window, -SWATH)
    if not entry or age(entry) <= span then break end
    redis.call('RPOP', window, SWATH)
  end
  while true do
    local entry = redis.call('LINDEX', window, -1)
    if not entry or age(entry) <= span then break end
    redis.call('RPOP', window)
  end
  return redis.call('LLEN', window)
end

-- Milliseconds until the `n` oldest entries have left.
local function until_gone(window, span, n)
  local entry = redis.call('LINDEX', window, -n)
  if not entry then return 0 end
  return span - age(entry) + 1
end

-- Admits `n` more.
local function push(window, span, n)
  local entry = now % WRAP
  for _ = 1, n do redis.call('LPUSH', window, entry) end
  redis.call('PEXPIRE', window, span + 1)
end
