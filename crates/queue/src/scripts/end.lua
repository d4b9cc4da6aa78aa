-- The end of an attempt, told by its worker.
-- ARGV: id, fence, how, then for `succeeded`: result; for `failed`: failure, retryable (1 or 0), delay in ms. The other
-- ways, `released` and `cancelled`, need no more.
-- Returns the job's state, or nothing when the attempt no longer holds the job.
local id, fence, how = ARGV[3], ARGV[4], ARGV[5]

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
  paced(class_of(job.tenant), now - job.leased)
  finish(id, job, 'succeeded', now, ',"result":' .. ARGV[6], 'result', ARGV[6])
elseif how == 'cancelled' or job.cancel then
  finish(id, job, 'cancelled', now)
elseif how == 'released' then
  uncount(id, job)
  requeue(id, job, 0, now)
elseif ARGV[7] ~= '1' then
  finish(id, job, 'failed', now, ',"failure":' .. ARGV[6], 'failure', ARGV[6])
elseif job.attempt >= job.max then
  bury(id, job, ARGV[6], now)
else
  requeue(id, job, tonumber(ARGV[8]), now, ',"failure":' .. ARGV[6])
end
return redis.call('HGET', JOB .. id, 'state')
