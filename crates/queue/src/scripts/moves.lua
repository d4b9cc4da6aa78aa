-- Moves that several scripts make. Included after fair.lua.

-- A job of a batch has ended; with the last one, the batch's own retention begins.
local function leave_batch(batch)
  if redis.call('EXISTS', BATCH .. batch) == 1 and redis.call('HINCRBY', BATCH .. batch, 'open', -1) <= 0 then
    redis.call('EXPIRE', BATCH .. batch, RETENTION)
  end
end

-- A new job, put at the end of its tenant's line. `settle` has to follow.
local function accept(id, tenant, job, submitted, ...)
  -- The first event, `queued`, is not written: the hash implies it, and a stream of one entry costs 4 KB.
  redis.call('HSET', JOB .. id, 'job', job, 'tenant', tenant, 'state', 'queued', 'attempt', 0, 'fence', 0, 'events', 1,
    ...)
  local order = join(id, tenant)
  count(tenant, 'queued', 1)
  redis.call('ZADD', OPEN, submitted, id)
  redis.call('ZADD', JOBS .. tenant, order, id)
  redis.call('PERSIST', TENANT .. tenant)
  redis.call('PERSIST', JOBS .. tenant)
  -- The list of a tenant's jobs does not outgrow what is still known of them.
  for _, old in ipairs(redis.call('ZRANGE', JOBS .. tenant, 0, 1)) do
    if redis.call('EXISTS', JOB .. old) == 0 then
      redis.call('ZREM', JOBS .. tenant, old)
    end
  end
end

-- A job becomes terminal. `more` is the event's JSON, `...` further fields of the hash.
local function finish(id, job, state, now, more, ...)
  if job.state == 'running' then
    redis.call('ZREM', LEASES, id)
  elseif redis.call('ZREM', LINE .. job.tenant, id) == 0 then
    redis.call('ZREM', DELAYED, id)
  end
  redis.call('ZREM', OPEN, id)
  redis.call('HSET', JOB .. id, 'state', state, 'finished', now, ...)
  redis.call('HDEL', JOB .. id, 'progress', 'worker', 'cancel', 'max', 'leased')
  tell(id, state, job.attempt, now, more)
  redis.call('HINCRBY', COUNTERS, state, 1)
  redis.call('EXPIRE', JOB .. id, RETENTION)
  redis.call('EXPIRE', EVENTS .. id, math.min(RETENTION, EVENT_RETENTION))
  if job.batch then
    leave_batch(job.batch)
  end
  emit(state, id, job.tenant, job.batch, state, job.attempt, now)
  count(job.tenant, job.state, -1)
  settle(job.tenant)
end

-- A job failed and its attempts have run out: failed, with a dead letter that keeps all that a redrive needs.
local function bury(id, job, failure, now)
  redis.call('XADD', DEAD, 'MAXLEN', '~', DEAD_LIMIT, '*', 'id', id, 'job', redis.call('HGET', JOB .. id, 'job'),
    'failure', failure, 'attempts', job.attempt, 'worker', job.worker or '', 'at', now)
  finish(id, job, 'failed', now, ',"failure":' .. failure, 'failure', failure)
end

-- A running job leaves its worker and is queued again, `delay` milliseconds from now.
local function requeue(id, job, delay, now, more)
  redis.call('ZREM', LEASES, id)
  redis.call('HSET', JOB .. id, 'state', 'queued')
  redis.call('HDEL', JOB .. id, 'progress', 'worker', 'leased')
  if delay > 0 then
    redis.call('ZADD', DELAYED, now + delay, id)
  else
    join(id, job.tenant, true)
  end
  tell(id, 'queued', job.attempt, now, more)
  count(job.tenant, 'running', -1)
  count(job.tenant, 'queued', 1)
  settle(job.tenant)
end

-- Takes back the attempt of a job that goes back without having used it.
local function uncount(id, job)
  job.attempt = redis.call('HINCRBY', JOB .. id, 'attempt', -1)
end

-- Whether Redis was restarted so recently that a lease which ran out says nothing about its worker.
local function just_restarted(now)
  local run = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
  local known = redis.call('HGET', SERVER, 'run')
  if known ~= run then
    redis.call('HSET', SERVER, 'run', run, 'spare_until', known and now + RESTART_GRACE or 0)
  end
  return now < tonumber(redis.call('HGET', SERVER, 'spare_until'))
end

-- The worker of a job was lost.
local function take_back(id, job, now)
  if job.cancel then
    return finish(id, job, 'cancelled', now)
  end
  local failure = string.format(
    '{"code":"worker_lost","detail":"The worker was lost during attempt %d.","retryable":true}', job.attempt)
  if not job.has_begun and job.fence - job.attempt < SPARED_LEASES then
    -- It only lay with a worker that died of something else. Not without end: it may kill before it tells of anything.
    uncount(id, job)
  elseif job.attempt >= job.max then
    return bury(id, job, failure, now)
  end
  requeue(id, job, 0, now, ',"failure":' .. failure)
end

-- Delayed jobs that are due join their line; leases that ran out are taken back. Returns how many of each.
local function sweep(now)
  local due = redis.call('ZRANGEBYSCORE', DELAYED, '-inf', now, 'LIMIT', 0, SWEEP_LIMIT)
  for _, id in ipairs(due) do
    local tenant = redis.call('HGET', JOB .. id, 'tenant')
    redis.call('ZREM', DELAYED, id)
    if tenant then
      join(id, tenant, true)
      settle(tenant)
    end
  end

  local lost = redis.call('ZRANGEBYSCORE', LEASES, '-inf', now, 'LIMIT', 0, SWEEP_LIMIT)
  if #lost == 0 or just_restarted(now) then
    return { #due, 0 }
  end
  for _, id in ipairs(lost) do
    local job = look(id)
    if job.state == 'running' and job.tenant then
      take_back(id, job, now)
    else
      redis.call('ZREM', LEASES, id)
    end
  end
  redis.call('HINCRBY', COUNTERS, 'reclaimed', #lost)
  return { #due, #lost }
end
