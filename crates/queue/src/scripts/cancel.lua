-- ARGV: id. Returns the state after the call, or nothing when there is no such job.
local job = look(ARGV[3])
if not job.tenant or not job.state then
  return nil
elseif job.state == 'queued' then
  finish(job, 'cancelled')
  flush()
  return 'cancelled'
elseif job.state == 'running' and not job.cancel then
  redis.call('HSET', JOB .. job.id, 'cancel', 1)
  -- No event, because the state is the same. The worker of the job is subscribed and reads the field.
  redis.call('PUBLISH', EVENTS .. job.id, 'look')
end
return job.state
