-- The jobs of a tenant, newest first.
-- ARGV: tenant, state ('': any), score to continue after ('': the newest), greatest number of jobs.
-- Returns the jobs as `entry` does, and the score to continue after ('': there are no more).
local tenant, state, after, most = ARGV[3], ARGV[4], ARGV[5], tonumber(ARGV[6])
local SCAN = 1000 -- jobs that one call looks at
local jobs, last = {}, nil
local found = redis.call('ZREVRANGEBYSCORE', JOBS .. tenant, after == '' and '+inf' or '(' .. after, '-inf', 'WITHSCORES',
  'LIMIT', 0, SCAN)
for i = 1, #found, 2 do
  if #jobs == most then
    return { jobs, last }
  end
  last = found[i + 1]
  if state == '' or redis.call('HGET', JOB .. found[i], 'state') == state then
    -- Jobs whose retention is over have no entry; submissions remove them from the list.
    jobs[#jobs + 1] = entry(found[i])
  end
end
return { jobs, #found == 2 * SCAN and last or '' }
