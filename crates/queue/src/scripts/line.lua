-- ARGV: id. Returns the job's place in line (0: it does not wait) and ms until it is done (-1: unknown), or nothing when
-- there is no such job.
local job = look(ARGV[3])
return job.state and line(ARGV[3], job.tenant, job.state, clock())
