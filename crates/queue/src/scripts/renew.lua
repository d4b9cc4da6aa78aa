-- ARGV: id, fence, lease in ms, progress as JSON ('' when there is none to tell).
-- Returns -1: lost, 0: held, 1: held, but its owner wants it cancelled.
local id, fence, lease, progress = ARGV[3], ARGV[4], tonumber(ARGV[5]), ARGV[6]
local job = held(id, fence)
if not job then
  return -1
end
local now = clock()
redis.call('ZADD', LEASES, now + lease, id)
if progress ~= '' then
  redis.call('HSET', JOB .. id, 'progress', progress)
  tell(id, 'running', job.attempt, now, ',"progress":' .. progress)
end
return job.cancel and 1 or 0
