-- ARGV: id. Returns the state after it, or nothing when there is no such job.
local id = ARGV[3]
local job = look(id)
if job.state == 'queued' then
  finish(id, job, 'cancelled', clock())
  return 'cancelled'
elseif job.state == 'running' then
  redis.call('HSET', JOB .. id, 'cancel', 1)
end
return job.state
