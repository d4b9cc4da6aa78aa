-- ARGV: id, retention in s. Returns the state after it, or nothing when there is no such job.
local id, retention = ARGV[1], ARGV[2]
local job = look(id)
if job.state == 'queued' then
  finish(id, job, 'cancelled', clock(), retention)
  return 'cancelled'
elseif job.state == 'running' then
  redis.call('HSET', JOB .. id, 'cancel', 1)
end
return job.state
