-- ARGV: id. Returns the position of the job (0: it does not wait), ms until it is done (-1: unknown) and whether no
-- live worker covers it; nothing when there is no such job.
local job = look(ARGV[3])
if not job.lane then
  return nil
end
local place = job.state == 'queued' and position(job.id, job.tenant, job.lane) or 0
return place_of(job.state, job.tenant, job.lane, place, tonumber(job.leased))
