-- The end of an attempt, told by its worker.
-- ARGV: id, fence, retention in s, how, then for `succeeded`: result; for `failed`: failure, retryable (1 or 0),
-- delay in ms. The other ways, `released` and `cancelled`, need no more.
-- Returns the job's state, or nothing when the attempt no longer holds the job.
local id, fence, retention, how = ARGV[1], ARGV[2], ARGV[3], ARGV[4]

-- A write whose answer was lost is sent again: it has already had its effect.
local seen = look(id)
if seen.ended == fence then
  return seen.state
end
local job = held(id, fence)
if not job then
  return false
end
local now = clock()
redis.call('HSET', JOB .. id, 'ended', fence)

if how == 'succeeded' then
  -- Made before its owner's wish to cancel was seen: it is there, so it is handed over.
  finish(id, job, 'succeeded', now, retention, ',"result":' .. ARGV[5], 'result', ARGV[5])
elseif how == 'cancelled' or job.cancel then
  finish(id, job, 'cancelled', now, retention)
elseif how == 'released' then
  job.attempt = redis.call('HINCRBY', JOB .. id, 'attempt', -1)
  requeue(id, job, 0, now)
elseif ARGV[6] ~= '1' then
  finish(id, job, 'failed', now, retention, ',"failure":' .. ARGV[5], 'failure', ARGV[5])
elseif job.attempt >= job.max then
  bury(id, job, ARGV[5], now, retention)
else
  requeue(id, job, tonumber(ARGV[7]), now, ',"failure":' .. ARGV[5])
end
return redis.call('HGET', JOB .. id, 'state')
