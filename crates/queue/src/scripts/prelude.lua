-- Put in front of every other script. KEYS are those of keys.rs, in its order.

local JOB, EVENTS = KEYS[1], KEYS[2] -- prefixes; a job's id follows
local WAITING, DELAYED, LEASES, DEAD = KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local COUNTERS, SERVER, HANDED = KEYS[7], KEYS[8], KEYS[9]
local LANES = { KEYS[10], KEYS[11] } -- in the order in which they are emptied
local RETURNED, STANDARD = 1, 2
local GROUP = 'workers'

local EVENT_LIMIT = 256 -- events kept for each job
local EVENT_RETENTION = 600 -- seconds that events outlive their job; the hash tells the end after that
local DEAD_LIMIT = 10000 -- dead letters kept, about
local SWEEP_LIMIT = 100 -- jobs that one call moves, so that a flood of lost leases cannot stop new work
local RESTART_GRACE = 5000 -- milliseconds that workers have to come back after Redis does

-- Milliseconds since the Unix epoch, by the one clock that all agree on.
local function clock()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- Records and announces what happened to a job; `more` is JSON that goes into the event.
local function tell(id, state, attempt, now, more)
  local n = redis.call('HINCRBY', JOB .. id, 'events', 1)
  local event = string.format('{"state":"%s","attempt":%d,"at_ms":%.0f', state, attempt, now) .. (more or '') .. '}'
  redis.call('XADD', EVENTS .. id, 'MAXLEN', EVENT_LIMIT, n .. '-0', 'e', event)
  redis.call('PUBLISH', EVENTS .. id, n .. ' ' .. event)
end

-- Puts a job at the end of a lane. The score orders all lanes in one set: lane first, then arrival.
local function enqueue(id, lane)
  local order = redis.call('HINCRBY', COUNTERS, 'enqueued', 1)
  local entry = redis.call('XADD', LANES[lane], '*', 'id', id)
  redis.call('HSET', JOB .. id, 'lane', lane, 'entry', entry)
  redis.call('ZADD', WAITING, string.format('%.0f', lane * 1e15 + order), id)
end

-- A new job, or none when the queue is full: returns its place in line and the depth; no place means full.
local function accept(id, job, max_depth)
  local depth = redis.call('ZCARD', WAITING) + redis.call('ZCARD', DELAYED)
  if max_depth > 0 and depth >= max_depth then
    return { -1, depth }
  end
  -- The first event, `queued`, is not written: the hash implies it, and a stream of one entry costs 4 KB.
  redis.call('HSET', JOB .. id, 'job', job, 'state', 'queued', 'attempt', 0, 'fence', 0, 'events', 1)
  enqueue(id, STANDARD)
  return { redis.call('ZRANK', WAITING, id) + 1, depth + 1 }
end

-- The fields of a job that a move needs.
local function look(id)
  local f = redis.call('HMGET', JOB .. id, 'state', 'fence', 'attempt', 'lane', 'entry', 'cancel', 'max', 'worker', 'ended')
  return {
    state = f[1], fence = f[2], attempt = tonumber(f[3]), lane = tonumber(f[4]), entry = f[5],
    cancel = f[6] == '1', max = tonumber(f[7]), worker = f[8], ended = f[9],
  }
end

-- The job, if the attempt that writes still holds it. Else the write is refused, and counted.
local function held(id, fence)
  local job = look(id)
  if job.state == 'running' and job.fence == fence then
    return job
  end
  redis.call('HINCRBY', COUNTERS, 'fenced', 1)
  return nil
end

-- Takes a job's entry out of its lane and out of the pending list.
local function withdraw(job)
  if job.entry and job.lane then
    redis.call('XACK', LANES[job.lane], GROUP, job.entry)
    redis.call('XDEL', LANES[job.lane], job.entry)
  end
end

-- A job becomes terminal. `more` is the event's JSON, `...` further fields of the hash.
local function finish(id, job, state, now, retention, more, ...)
  withdraw(job)
  redis.call('ZREM', LEASES, id)
  redis.call('ZREM', WAITING, id)
  redis.call('ZREM', DELAYED, id)
  redis.call('HSET', JOB .. id, 'state', state, 'finished', string.format('%.0f', now), ...)
  redis.call('HDEL', JOB .. id, 'progress', 'worker', 'lane', 'entry', 'cancel', 'max')
  tell(id, state, job.attempt, now, more)
  redis.call('HINCRBY', COUNTERS, state, 1)
  redis.call('EXPIRE', JOB .. id, retention)
  redis.call('EXPIRE', EVENTS .. id, math.min(retention, EVENT_RETENTION))
end

-- A job failed and its attempts have run out: failed, with a dead letter that keeps all that a redrive needs.
local function bury(id, job, failure, now, retention)
  redis.call('XADD', DEAD, 'MAXLEN', '~', DEAD_LIMIT, '*', 'id', id, 'job', redis.call('HGET', JOB .. id, 'job'),
    'failure', failure, 'attempts', job.attempt, 'worker', job.worker or '', 'at', string.format('%.0f', now))
  finish(id, job, 'failed', now, retention, ',"failure":' .. failure, 'failure', failure)
end

-- A running job leaves its worker and is queued again, `delay` milliseconds from now.
local function requeue(id, job, delay, now, more)
  withdraw(job)
  redis.call('ZREM', LEASES, id)
  redis.call('HSET', JOB .. id, 'state', 'queued')
  redis.call('HDEL', JOB .. id, 'progress', 'worker', 'lane', 'entry')
  if delay > 0 then
    redis.call('ZADD', DELAYED, string.format('%.0f', now + delay), id)
  else
    enqueue(id, RETURNED)
  end
  tell(id, 'queued', job.attempt, now, more)
end

-- Whether Redis was restarted so recently that a lease which ran out says nothing about its worker.
local function just_restarted(now)
  local run = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
  local known = redis.call('HGET', SERVER, 'run')
  if known ~= run then
    redis.call('HSET', SERVER, 'run', run, 'spare_until', string.format('%.0f', known and now + RESTART_GRACE or 0))
  end
  return now < tonumber(redis.call('HGET', SERVER, 'spare_until'))
end

-- Delayed jobs that are due join their lane; leases that ran out are taken back. Returns how many of each.
local function sweep(now, retention)
  local due = redis.call('ZRANGEBYSCORE', DELAYED, '-inf', now, 'LIMIT', 0, SWEEP_LIMIT)
  for _, id in ipairs(due) do
    redis.call('ZREM', DELAYED, id)
    enqueue(id, RETURNED)
  end

  local lost = redis.call('ZRANGEBYSCORE', LEASES, '-inf', now, 'LIMIT', 0, SWEEP_LIMIT)
  if #lost == 0 or just_restarted(now) then
    return { #due, 0 }
  end
  for _, id in ipairs(lost) do
    local job = look(id)
    if job.state ~= 'running' then
      redis.call('ZREM', LEASES, id)
    elseif job.cancel then
      finish(id, job, 'cancelled', now, retention)
    else
      local failure = string.format(
        '{"code":"worker_lost","detail":"The worker was lost during attempt %d.","retryable":true}', job.attempt)
      if job.attempt >= job.max then
        bury(id, job, failure, now, retention)
      else
        requeue(id, job, 0, now, ',"failure":' .. failure)
      end
    end
  end
  redis.call('HINCRBY', COUNTERS, 'reclaimed', #lost)
  return { #due, #lost }
end
