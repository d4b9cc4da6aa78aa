-- The jobs of a tenant, newest first.
-- ARGV: tenant, state ('': any), place to go on after ('': the newest), greatest number of jobs.
-- Returns each job's hash, and the place to go on after ('': there are no more).
local tenant, state, after, most = ARGV[3], ARGV[4], ARGV[5], tonumber(ARGV[6])
local SCAN = 1000 -- entries that one call looks at
local jobs, last, now = {}, nil, clock()
local from = after == '' and '+inf' or '(' .. after
local found = redis.call('ZREVRANGEBYSCORE', JOBS .. tenant, from, '-inf', 'WITHSCORES', 'LIMIT', 0, SCAN)
for i = 1, #found, 2 do
  if #jobs == most then
    return { jobs, last }
  end
  local id = found[i]
  last = found[i + 1]
  local is = redis.call('HGET', JOB .. id, 'state')
  if not is then
    -- Its retention is over; submissions clean up.
  elseif state == '' or is == state then
    jobs[#jobs + 1] = entry(id, now)
  end
end
return { jobs, #found == 2 * SCAN and last or '' }
