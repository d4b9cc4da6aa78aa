-- ARGV: id. Returns the state after it, or nothing when there is no such job.
local id = ARGV[3]
local job = look(id)
if job.state == 'queued' then
  finish(id, job, 'cancelled', clock())
  return 'cancelled'
elseif job.state == 'running' then
  if redis.call('HSET', JOB .. id, 'cancel', 1) == 1 then
    -- No event: nothing has happened yet. Its worker looks, and so does whoever else listens.
    redis.call('PUBLISH', EVENTS .. id, 'look')
  end
end
return job.state
