-- ARGV: worker, greatest number of jobs, lease in ms, greatest number of attempts, number of the call, `made` or `test`:
-- which jobs.
-- Returns the leased jobs as {id, job, attempt, fence}, ms until something is due (-1: nothing is), and the last entry of
-- the stream that wakes: a reader that waits for later ones misses nothing that this call did not see.
local worker, most, lease, max = ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5]), ARGV[6]
local call, is_test = ARGV[7], ARGV[8] == 'test'
local now = clock()

-- A call whose answer was lost is sent again: what was handed out then is handed out now.
local handed = redis.call('HGET', HANDED, worker)
if handed and string.match(handed, '^%S+') == call then
  local leased = {}
  for id in string.gmatch(string.match(handed, '^%S+ %S+(.*)'), ' (%S+)') do
    local job = look(id)
    if job.state == 'running' and job.worker == worker then
      redis.call('ZADD', LEASES, now + lease, id)
      leased[#leased + 1] = { id, redis.call('HGET', JOB .. id, 'job'), job.attempt, tonumber(job.fence) }
    end
  end
  if #leased > 0 then
    return { leased, -1, '' }
  end
end

sweep(now)

local leased, ids = {}, {}
while #leased < most do
  local tenant
  if is_test then
    tenant = head(TESTS)
  else
    tenant = next_tenant()
  end
  if not tenant then
    break
  end
  local id = take(tenant)
  local job = redis.call('HGET', JOB .. id, 'job')
  if job then
    local attempt = redis.call('HINCRBY', JOB .. id, 'attempt', 1)
    local fence = redis.call('HINCRBY', JOB .. id, 'fence', 1)
    redis.call('HSET', JOB .. id, 'state', 'running', 'worker', worker, 'max', max, 'leased', now)
    redis.call('HSETNX', JOB .. id, 'started', now)
    redis.call('ZADD', LEASES, now + lease, id)
    tell(id, 'running', attempt, now)
    leased[#leased + 1] = { id, job, attempt, fence }
    ids[#ids + 1] = id
  else
    -- Somebody took its hash away from outside; it must not be in the way of the others.
    redis.call('ZREM', OPEN, id)
    count(tenant, 'running', -1)
    settle(tenant)
  end
end
if #leased > 0 then
  redis.call('HSET', HANDED, worker, string.format('%s %.0f %s', call, now, table.concat(ids, ' ')))
  return { leased, -1, '' }
end

local due = -1
for _, set in ipairs({ DELAYED, LEASES }) do
  local first = redis.call('ZRANGE', set, 0, 0, 'WITHSCORES')
  if first[2] then
    local ms = math.max(0, tonumber(first[2]) - now)
    due = due < 0 and ms or math.min(due, ms)
  end
end
local last = redis.call('XREVRANGE', WAKE[is_test and TESTS or USERS], '+', '-', 'COUNT', 1)
return { leased, due, last[1] and last[1][1] or '0-0' }
