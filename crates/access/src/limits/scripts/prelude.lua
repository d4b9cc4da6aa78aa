-- Shared by the scripts of rate limits. All times are Redis's own.
--
-- A window is a list with one entry per admitted request, the newest at the head. An entry is the time of admission in
-- milliseconds modulo 2^31: Redis packs that into 6 bytes, where the full number would take 10. Only the age of an entry
-- matters, and a window is far shorter than the 24 days after which the numbers repeat. An entry from the future (the
-- clock was set back) counts as expired, so it cannot block requests.

local WRAP = 2147483648
-- Entries dropped at once while many have expired.
local CHUNK = 64

local time = redis.call('TIME')
local seconds = tonumber(time[1])
local now = seconds * 1000 + math.floor(tonumber(time[2]) / 1000)

local function age(entry)
  return (now - tonumber(entry)) % WRAP
end

-- Drops expired entries. Returns the number of entries left, milliseconds until the oldest expires, and whether the
-- expiry of the key has to be renewed.
local function slide(window, span)
  local oldest = redis.call('LINDEX', window, -1)
  if not oldest then return 0, span + 1, true end
  if age(oldest) <= span then return redis.call('LLEN', window), span - age(oldest) + 1, false end
  while oldest and age(oldest) > span do
    local many = redis.call('LINDEX', window, -CHUNK)
    redis.call('RPOP', window, many and age(many) > span and CHUNK or 1)
    oldest = redis.call('LINDEX', window, -1)
  end
  if not oldest then return 0, span + 1, true end
  return redis.call('LLEN', window), span - age(oldest) + 1, true
end

-- Milliseconds until the `n` oldest entries have expired.
local function until_gone(window, span, n)
  local entry = redis.call('LINDEX', window, -n)
  if not entry then return 0 end
  return span - age(entry) + 1
end

-- Adds `n` entries. The key lives for two spans after `renew`, which is set when it is new or an entry has expired: an
-- entry that is added later than one span after that finds an expired entry and renews again.
local function push(window, span, n, renew)
  local entries = {}
  for i = 1, n do entries[i] = now % WRAP end
  redis.call('LPUSH', window, unpack(entries))
  if renew then redis.call('PEXPIRE', window, 2 * span + 1) end
end
