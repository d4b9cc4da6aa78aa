-- ARGV: id, job, greatest depth (0: no bound). Returns place in line (0: no longer waiting, -1: full) and depth.
local id, job, max_depth = ARGV[1], ARGV[2], tonumber(ARGV[3])

-- A submit whose answer was lost is sent again: the same id is the same job.
if redis.call('EXISTS', JOB .. id) == 1 then
  local rank = redis.call('ZRANK', WAITING, id)
  return { rank and rank + 1 or 0, 0 }
end
return accept(id, job, max_depth)
