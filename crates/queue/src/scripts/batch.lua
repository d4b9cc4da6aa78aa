-- ARGV: batch. Returns its tenant, time of submission and jobs as {id, entry}; nothing when there is no such batch.
local batch = redis.call('HMGET', BATCH .. ARGV[3], 'tenant', 'submitted', 'members')
if not batch[1] then
  return nil
end
local members = {}
for id in string.gmatch(batch[3], '%S+') do
  members[#members + 1] = { id, entry(id) or false }
end
return { batch[1], batch[2], members }
