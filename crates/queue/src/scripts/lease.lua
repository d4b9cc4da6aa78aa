-- ARGV: worker, greatest number of jobs, lease in ms, greatest number of attempts, retention in s, number of the call.
-- Returns the leased jobs as {id, job, attempt, fence}, ms until something is due (-1: nothing is), and each lane's
-- last entry: a reader that waits for later ones misses nothing that this call did not see.
local worker, count, lease, max = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4]
local retention, call = ARGV[5], ARGV[6]
local now = clock()

-- A call whose answer was lost is sent again: what was handed out then is handed out now.
local handed = redis.call('HGET', HANDED, worker)
if handed and string.match(handed, '^%S+') == call then
  local leased = {}
  for id in string.gmatch(handed, ' (%S+)') do
    local job = look(id)
    if job.state == 'running' and job.worker == worker then
      redis.call('ZADD', LEASES, string.format('%.0f', now + lease), id)
      leased[#leased + 1] = { id, redis.call('HGET', JOB .. id, 'job'), job.attempt, tonumber(job.fence) }
    end
  end
  if #leased > 0 then
    return { leased, -1, {} }
  end
end

sweep(now, retention)

local function take(lane, n)
  local reply = redis.pcall('XREADGROUP', 'GROUP', GROUP, worker, 'COUNT', n, 'STREAMS', lane, '>')
  if reply and reply.err then
    if not string.find(reply.err, 'NOGROUP', 1, true) then
      error(reply)
    end
    redis.call('XGROUP', 'CREATE', lane, GROUP, '0', 'MKSTREAM')
    reply = redis.call('XREADGROUP', 'GROUP', GROUP, worker, 'COUNT', n, 'STREAMS', lane, '>')
  end
  return reply and reply[1][2] or {}
end

local leased, ids = {}, {}
for _, lane in ipairs(LANES) do
  local entries
  repeat
    entries = #leased < count and take(lane, count - #leased) or {}
    for _, entry in ipairs(entries) do
      local id = entry[2][2]
      local job = look(id)
      if job.state == 'queued' and job.entry == entry[1] then
        local attempt = redis.call('HINCRBY', JOB .. id, 'attempt', 1)
        local fence = redis.call('HINCRBY', JOB .. id, 'fence', 1)
        redis.call('HSET', JOB .. id, 'state', 'running', 'worker', worker, 'max', max)
        redis.call('HSETNX', JOB .. id, 'started', string.format('%.0f', now))
        redis.call('ZREM', WAITING, id)
        redis.call('ZADD', LEASES, string.format('%.0f', now + lease), id)
        tell(id, 'running', attempt, now)
        leased[#leased + 1] = { id, redis.call('HGET', JOB .. id, 'job'), attempt, fence }
        ids[#ids + 1] = id
      else
        redis.call('XACK', lane, GROUP, entry[1])
        redis.call('XDEL', lane, entry[1])
      end
    end
  until #entries == 0
end

local due, last = -1, {}
if #leased > 0 then
  redis.call('HSET', HANDED, worker, call .. ' ' .. table.concat(ids, ' '))
else
  for _, set in ipairs({ DELAYED, LEASES }) do
    local first = redis.call('ZRANGE', set, 0, 0, 'WITHSCORES')
    if first[2] then
      local ms = math.max(0, tonumber(first[2]) - now)
      due = due < 0 and ms or math.min(due, ms)
    end
  end
  for i, lane in ipairs(LANES) do
    local info = redis.call('XINFO', 'STREAM', lane)
    for k = 1, #info, 2 do
      if info[k] == 'last-generated-id' then
        last[i] = info[k + 1]
      end
    end
  end
end
return { leased, due, last }
