-- Moves that several scripts share. Included after places.lua.

local SWEEP_LIMIT = 100 -- jobs that one call moves, so that many lost leases do not delay other calls
local OUTAGE = 3000 -- ms without a sweep by any process after which Redis was not available
local GRACE = 10000 -- ms that workers have after an outage to renew their leases
local LANES_SWEEP = 60000 -- ms between searches for lanes that have had no jobs for long
local SPARED_LEASES = 10 -- leases of a job that may be lost without an attempt being counted

-- Counts a job in or out: `what` is queued or running.
local function count(job, what, by)
  local class = class_of(job.tenant)
  add(hash(TENANT .. job.tenant), what, by)
  add(numbers, what .. ':' .. class, by)
  if what == 'running' then
    add(numbers, 'busy:' .. side_of(class) .. ':' .. job.lane, by)
  end
end

-- A job has ended. The account and the list of jobs of a tenant without jobs get a time to live.
local function rest(tenant)
  local h = hash(TENANT .. tenant)
  if number(h, 'queued') + number(h, 'running') == 0 then
    redis.call('EXPIRE', h.name, TENANT_RETENTION)
    redis.call('EXPIRE', JOBS .. tenant, RETENTION)
  end
end

-- The account of a tenant that is never idle does not keep lanes that have been forgotten.
local function forget_lanes_of(tenant)
  local h, lanes, names = hash(TENANT .. tenant), {}, {}
  for _, field in ipairs(read_all(h)) do
    local lane = string.match(field, '^waiting:(.*)$')
    if lane then
      lanes[#lanes + 1], names[#names + 1] = lane, 'waiting:' .. class_of(tenant) .. ':' .. lane
    end
  end
  read(numbers, names)
  for i, lane in ipairs(lanes) do
    if text(numbers, names[i]) == '' then
      remove(h, { 'offset:' .. lane, 'waiting:' .. lane, 'back:' .. lane, 'ahead:' .. lane, 'turn:' .. lane })
    end
  end
end

-- The list of the jobs of a tenant does not outgrow what is still known of them.
local function forget_jobs_of(tenant)
  local oldest, keys = redis.call('ZRANGE', JOBS .. tenant, 0, 31), {}
  for i, id in ipairs(oldest) do
    keys[i] = JOB .. id
  end
  if redis.call('EXISTS', unpack(keys)) == #keys then
    return
  end
  for i, id in ipairs(oldest) do
    if redis.call('EXISTS', keys[i]) == 0 then
      redis.call('ZREM', JOBS .. tenant, id)
    end
  end
end

-- A new job of a tenant whose account has been read. `...` are further fields of its hash.
local function accept(job, json, ...)
  local h = hash(TENANT .. job.tenant)
  if number(h, 'queued') + number(h, 'running') == 0 then
    redis.call('PERSIST', h.name)
    redis.call('PERSIST', JOBS .. job.tenant)
  end
  redis.call('HSET', JOB .. job.id, 'job', json, 'tenant', job.tenant, 'lane', job.lane, 'state', 'queued', ...)
  count(job, 'queued', 1)
  local order = join(job)
  redis.call('ZADD', JOBS .. job.tenant, order, job.id)
  if order % 16 == 0 then
    forget_jobs_of(job.tenant)
  end
  if order % 256 == 0 then
    forget_lanes_of(job.tenant)
  end
  emit('queued', job, 'queued', 0)
end

-- A job of a batch has ended; with the last one, the retention of the batch begins.
local function leave_batch(batch)
  if redis.call('EXISTS', BATCH .. batch) == 1 and redis.call('HINCRBY', BATCH .. batch, 'open', -1) <= 0 then
    redis.call('EXPIRE', BATCH .. batch, RETENTION)
  end
end

-- A job becomes terminal. `more` is the JSON of the event, `...` are further fields of the hash.
local function finish(job, state, more, ...)
  local id = job.id
  account(job.tenant, job.lane)
  if job.state == 'running' then
    redis.call('ZREM', LEASES, id)
  else
    local waiting = WAITING .. job.tenant .. '@' .. job.lane
    local score = redis.call('ZSCORE', waiting, id)
    if score then
      redis.call('ZREM', waiting, id)
      leave(job, tonumber(score))
    else
      redis.call('ZREM', DELAYED, id)
    end
  end
  if job.events >= 3 then
    redis.call('EXPIRE', EVENTS .. id, math.min(RETENTION, EVENT_RETENTION))
  end
  tell(job, state, job.attempt, more)
  redis.call('HSET', JOB .. id, 'state', state, 'finished', now, 'events', job.events, 'progress', '', 'cancel', '',
    'worker', '', ...)
  redis.call('EXPIRE', JOB .. id, RETENTION)
  emit(state, job, state, job.attempt)
  add(numbers, state, 1)
  if job.batch then
    leave_batch(job.batch)
  end
  count(job, job.state, -1)
  settle_all(job.tenant, job.lane)
  rest(job.tenant)
end

-- A job fails because its attempts are used up. Its dead letter has everything that a redrive needs.
local function bury(job, failure)
  redis.call('XADD', DEAD, 'MAXLEN', '~', DEAD_LIMIT, '*', 'id', job.id, 'job', redis.call('HGET', JOB .. job.id, 'job'),
    'failure', failure, 'attempts', job.attempt, 'worker', job.worker or '', 'at', now, 'lane', job.lane)
  finish(job, 'failed', ',"failure":' .. failure, 'failure', failure)
end

-- A running job leaves its worker and is queued again, `delay` ms from now. `...` are further fields of its hash.
local function requeue(job, delay, more, ...)
  account(job.tenant, job.lane)
  redis.call('ZREM', LEASES, job.id)
  count(job, 'running', -1)
  count(job, 'queued', 1)
  tell(job, 'queued', job.attempt, more)
  redis.call('HSET', JOB .. job.id, 'state', 'queued', 'attempt', job.attempt, 'events', job.events, 'progress', '',
    'milestone', '', 'worker', '', ...)
  emit('queued', job, 'queued', job.attempt)
  if delay > 0 then
    redis.call('ZADD', DELAYED, now + delay, job.id)
  else
    join(job, true)
  end
  settle_all(job.tenant, job.lane)
end

-- The worker of a job was lost.
local function take_back(job)
  if job.cancel then
    return finish(job, 'cancelled')
  end
  local failure = string.format(
    '{"code":"worker_lost","detail":"The worker was lost during attempt %d.","retryable":true}', job.attempt)
  if not job.milestone and job.spared < SPARED_LEASES then
    -- No progress was reported, so the attempt does not count. The bound is for jobs that kill their workers at once.
    job.attempt = job.attempt - 1
    return requeue(job, 0, ',"failure":' .. failure, 'spared', job.spared + 1)
  elseif job.attempt >= (tonumber(job.max) or 1) then
    return bury(job, failure)
  end
  requeue(job, 0, ',"failure":' .. failure)
end

-- Workers that have not announced themselves in time leave their pool.
local function forget_worker(name)
  local slots, pool = string.match(redis.call('HGET', WORKERS, name) or '', '^(%d+)\t([^\t]*)\t')
  redis.call('HDEL', WORKERS, name)
  redis.call('ZREM', ALIVE, name)
  if not pool then
    return
  end
  local workers, all = string.match(redis.call('HGET', POOLS, pool) or '1 0', '^(%d+) (%d+)$')
  if tonumber(workers) > 1 then
    redis.call('HSET', POOLS, pool, string.format('%d %d', workers - 1, math.max(0, all - slots)))
  else
    redis.call('HDEL', POOLS, pool)
    redis.call('DEL', WAKE .. pool)
    redis.call('HDEL', NUMBERS, 'clock:agent@' .. pool, 'clock:user@' .. pool, 'clock:test@' .. pool)
  end
end

-- Moves delayed jobs that are due, takes back leases that ran out and forgets workers that are gone. Returns how many
-- jobs were due and how many leases were taken back.
--
-- Every worker, also the one for test jobs in each gateway, sweeps once a second. When no process has done so for a
-- while, Redis was not available, or all of them were suspended: leases that ran out meanwhile are spared until their
-- workers have had time to renew them.
local function sweep()
  read(numbers, { 'swept', 'lanes_swept' })
  local last = number(numbers, 'swept')
  if last > 0 and now - last > OUTAGE then
    set(numbers, 'spare_until', now + GRACE)
  end
  if now - last > 200 then
    set(numbers, 'swept', now)
  end
  if now - number(numbers, 'lanes_swept') > LANES_SWEEP then
    forget_lanes(1000 * LANE_RETENTION)
  end
  for _, name in ipairs(redis.call('ZRANGEBYSCORE', ALIVE, '-inf', now, 'LIMIT', 0, SWEEP_LIMIT)) do
    forget_worker(name)
  end
  local due = redis.call('ZRANGEBYSCORE', DELAYED, '-inf', now, 'LIMIT', 0, SWEEP_LIMIT)
  for _, id in ipairs(due) do
    local job = look(id)
    redis.call('ZREM', DELAYED, id)
    if job.state == 'queued' then
      join(job, true)
    end
  end
  local lost = redis.call('ZRANGEBYSCORE', LEASES, '-inf', now, 'LIMIT', 0, SWEEP_LIMIT)
  if #lost == 0 or now < number(numbers, 'spare_until') then
    return { #due, 0 }
  end
  for _, id in ipairs(lost) do
    local job = look(id)
    if job.state == 'running' and job.tenant then
      take_back(job)
    else
      redis.call('ZREM', LEASES, id)
    end
  end
  add(numbers, 'reclaimed', #lost)
  return { #due, #lost }
end
