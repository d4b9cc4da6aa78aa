-- ARGV: id. Returns the position, ms until it is done (-1: unknown) and whether no live worker covers it, or nothing when there is no such job.
local job = look(ARGV[3])
return job.state and line(ARGV[3], job.tenant, job.state, clock())
