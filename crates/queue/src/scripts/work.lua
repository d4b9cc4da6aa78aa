-- Operations of workers, several in one call. ARGV: for each operation its name, the number of its arguments, and
-- these. Returns the answer of each: {answer}, or {false, error}.
local REFUSAL_PAUSE = 10000 -- ms until a job that its worker could not read is offered again
local REFUSALS = 30 -- refusals after which a job fails: no worker of this installation can read it

local operations = {}

-- Arguments: worker, its pool, greatest number of jobs, lease in ms, greatest number of attempts, token of this call,
-- whether it is a repetition, whether the worker has waited, `class:lane` of the latest job that it leased ('': none).
-- Returns the leased jobs as {id, job, attempt, step, artifacts}, ms until something is due (-1: nothing is), and
-- `class:lane` of the last job.
function operations.lease(worker, pool, most, lease, max, token, is_repeated, has_waited, hint)
  most, lease = tonumber(most), tonumber(lease)
  local leased, can = {}, capabilities(pool)
  -- Usually the lane is the one of the last lease: then one command reads all numbers.
  local class, lane = string.match(hint, '^(%a+):(.*)$')
  read_lane(class or USERS, lane or '', 'clock:agent@' .. pool, 'clock:user@' .. pool, 'clock:test@' .. pool)
  hint = ''
  local function add_lease(id, job, attempt, step, artifacts)
    redis.call('ZADD', LEASES, now + lease, id)
    leased[#leased + 1] = { id, job, attempt, step or 0, artifacts or '' }
  end
  if is_repeated == '1' then
    -- The answer was lost: the jobs leased with this token are returned again.
    for _, id in ipairs(redis.call('ZRANGE', LEASES, 0, -1)) do
      local job = look(id)
      if job.state == 'running' and job.token == token and job.worker == worker then
        local more = redis.call('HMGET', JOB .. id, 'job', 'artifacts')
        add_lease(id, more[1], job.attempt, job.step, more[2])
      end
    end
    if #leased > 0 then
      return { leased, -1, '' }
    end
  end
  local has_swept = false
  while #leased < most do
    local turn = next_turn(can)
    local id = turn and take(turn, pool)
    if id then
      local f = redis.call('HMGET', JOB .. id, 'job', 'attempt', 'events', 'batch', 'started', 'step', 'artifacts')
      local job = { id = id, tenant = turn.tenant, lane = turn.lane, batch = f[4], events = tonumber(f[3]) or 1 }
      count(job, 'queued', -1)
      if f[1] then
        count(job, 'running', 1)
        local attempt = (tonumber(f[2]) or 0) + 1
        tell(job, 'running', attempt)
        redis.call('HSET', JOB .. id, 'state', 'running', 'attempt', attempt, 'worker', worker, 'token', token, 'max', max,
          'leased', now, 'events', job.events, 'started', f[5] or now)
        emit('started', job, 'running', attempt)
        hint = turn.class .. ':' .. turn.lane
        add_lease(id, f[1], attempt, tonumber(f[6]), f[7])
      end
      -- A job without a hash was deleted from outside; it is only counted out.
      settle_all(turn.tenant, turn.lane)
    elseif not turn then
      if #leased > 0 or has_swept then
        break
      end
      sweep()
      has_swept = true
    end
  end
  if has_waited == '1' then
    -- This worker took the token that wakes its pool. It writes another one if jobs are left.
    for class, lane in string.gmatch(text(numbers, 'lanes'), '(%a+):([^\n]*)\n') do
      if covers(can, class, lane) then
        redis.call('ZADD', WAKE .. pool, 0, 'w')
        break
      end
    end
  end
  if #leased > 0 then
    return { leased, -1, hint }
  end
  local due = -1
  for _, set in ipairs({ DELAYED, LEASES }) do
    local first = redis.call('ZRANGE', set, 0, 0, 'WITHSCORES')
    if first[2] then
      local ms = math.max(0, tonumber(first[2]) - now)
      due = due < 0 and ms or math.min(due, ms)
    end
  end
  return { leased, due, '' }
end

-- Arguments: id, token, worker, lease in ms, progress as JSON ('': none), its fraction in percent.
-- Returns -1: lost, 0: held, 1: held, and cancellation was requested.
function operations.renew(id, token, worker, lease, progress, percent)
  local job = look(id)
  if not held(job, token, worker) then
    return -1
  end
  redis.call('ZADD', LEASES, now + tonumber(lease), id)
  if progress ~= '' then
    local before, reached = tonumber(job.milestone) or 0, math.min(75, math.floor(tonumber(percent) / 25) * 25)
    local milestone = math.max(before, reached)
    tell(job, 'running', job.attempt, ',"progress":' .. progress)
    redis.call('HSET', JOB .. id, 'progress', progress, 'events', job.events, 'milestone', milestone)
    if milestone > before then
      emit('progress', job, 'running', job.attempt, string.format(',"fraction":%.2f', milestone / 100))
    end
  end
  return job.cancel and 1 or 0
end

-- The attempt ends. Arguments: id, token, worker, how, then for `succeeded`: result; for `failed`: failure, retryable
-- (1 or 0), delay in ms; for `handed_over`: artifacts as JSON, next lane; for `refused`: failure when it is refused too
-- often. `released` and `cancelled` need no more. Returns the state of the job, or nothing when the attempt no longer
-- holds it.
operations['end'] = function(id, token, worker, how, ...)
  local job, more = look(id), { ... }
  -- The repetition of a call whose answer was lost: it has had its effect.
  if job.ended == token then
    return job.state
  elseif not held(job, token, worker) then
    return false
  end
  local class = class_of(job.tenant)
  account(job.tenant, job.lane)
  if how == 'succeeded' then
    -- Also after a cancellation request: the job was done before its worker learned of it.
    paced(class, job.lane, now - job.leased)
    finish(job, 'succeeded', ',"result":' .. more[1], 'result', more[1], 'ended', token)
    return 'succeeded'
  elseif how == 'cancelled' or job.cancel then
    finish(job, 'cancelled', nil, 'ended', token)
    return 'cancelled'
  end
  redis.call('HSET', JOB .. id, 'ended', token)
  if how == 'released' then
    job.attempt = job.attempt - 1
    requeue(job, 0)
  elseif how == 'handed_over' then
    paced(class, job.lane, now - job.leased)
    count(job, 'running', -1)
    job.attempt, job.lane = 0, more[2]
    count(job, 'running', 1)
    requeue(job, 0, nil, 'step', job.step + 1, 'artifacts', more[1], 'lane', job.lane, 'spared', 0, 'refused', 0)
  elseif how == 'refused' then
    job.attempt = job.attempt - 1
    if job.refused + 1 >= REFUSALS then
      redis.call('HSET', JOB .. id, 'attempt', job.attempt)
      bury(job, more[1])
    else
      requeue(job, REFUSAL_PAUSE, nil, 'refused', job.refused + 1)
    end
  elseif more[2] ~= '1' then
    finish(job, 'failed', ',"failure":' .. more[1], 'failure', more[1])
  elseif job.attempt >= (tonumber(job.max) or 1) then
    bury(job, more[1])
  else
    requeue(job, tonumber(more[3]), ',"failure":' .. more[1])
  end
  return redis.call('HGET', JOB .. id, 'state')
end

local answers, at = {}, 3
while at <= #ARGV do
  local count_of_arguments = tonumber(ARGV[at + 1])
  local ok, answer = pcall(operations[ARGV[at]], unpack(ARGV, at + 2, at + 1 + count_of_arguments))
  answers[#answers + 1] = ok and { answer } or { false, tostring(type(answer) == 'table' and answer.err or answer) }
  at = at + 2 + count_of_arguments
end
flush()
return answers
