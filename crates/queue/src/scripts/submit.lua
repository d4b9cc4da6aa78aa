-- Submits the jobs of one tenant, all or none.
-- ARGV: tenant, its weight, its greatest numbers of active, running and queued jobs (0: no bound), greatest depth of the
-- class (0: no bound), ms for which a result answers the same request (0: never), batch ('': none), then for each job:
-- id, job, time of submission, fingerprint, digest of the request ('': not to be compared), whether its end is to be told.
-- Returns a word, numbers, and for `ok` each job as {id, state, how, place, ms until it is done}. Other words: `conflict`;
-- `full`, `active`, `queued` with the number that there are and ms after which to try again.
local tenant, weight, max_running = ARGV[3], ARGV[4], ARGV[6]
local max_active, max_queued, max_depth = tonumber(ARGV[5]), tonumber(ARGV[7]), tonumber(ARGV[8])
local cache_ms, batch = tonumber(ARGV[9]), ARGV[10]
local FIRST, FIELDS = 11, 6
local ALIVE_AT_LEAST = 86400 -- seconds that a request is remembered: one that waits longer has no company
local class, now = class_of(tenant), clock()

-- The job that a request is answered with, because it has been made or is being made; and how.
local function same_job(digest)
  local id = redis.call('GET', SAME .. digest)
  local job = id and look(id)
  if not job or job.tenant ~= tenant then
    return nil
  elseif (job.state == 'queued' or job.state == 'running') and not job.cancel then
    return { id = id, state = job.state, how = 'attached' }
  elseif job.state == 'succeeded' and now - redis.call('HGET', JOB .. id, 'finished') <= cache_ms then
    return { id = id, state = job.state, how = 'cached' }
  end
end

-- The job that was submitted under an id before, if there is one; false if it was another.
local function earlier(id, fingerprint)
  local known = redis.call('HMGET', JOB .. id, 'tenant', 'fingerprint', 'state')
  if known[1] then
    return known[1] == tenant and (known[2] or '') == fingerprint and { id = id, state = known[3], how = 'repeated' }
  end
  local alias = redis.call('HMGET', ALIAS .. id, 'tenant', 'fingerprint', 'job')
  local state = alias[3] and redis.call('HGET', JOB .. alias[3], 'state')
  if state then
    return alias[1] == tenant and (alias[2] or '') == fingerprint
      and { id = alias[3], state = state, how = 'repeated' }
  end
  return nil
end

-- First everything is looked at, and nothing is written.
local members, new, by_digest, marks = {}, 0, {}, {}
for at = FIRST, #ARGV, FIELDS do
  marks[#marks + 1] = ARGV[at] .. ' ' .. ARGV[at + 3]
end
local mark = batch ~= '' and redis.sha1hex(table.concat(marks, ' '))
if mark then
  local known = redis.call('HMGET', BATCH .. batch, 'tenant', 'mark')
  if known[1] and (known[1] ~= tenant or known[2] ~= mark) then
    return { 'conflict', {}, {} }
  end
end
for at = FIRST, #ARGV, FIELDS do
  local id, fingerprint, digest = ARGV[at], ARGV[at + 3], cache_ms > 0 and ARGV[at + 4] or ''
  local member = earlier(id, fingerprint)
  if member == false then
    return { 'conflict', {}, {} }
  end
  member = member or (digest ~= '' and (by_digest[digest] or same_job(digest)))
  if not member then
    member = { id = id, state = 'queued', how = 'new' }
    new = new + 1
    if digest ~= '' then
      by_digest[digest] = { id = id, state = 'queued', how = 'attached' }
    end
  end
  members[#members + 1] = member
end
if new > 0 then
  local t = redis.call('HMGET', TENANT .. tenant, 'queued', 'running')
  local queued, running = tonumber(t[1]) or 0, tonumber(t[2]) or 0
  local depth = load('queued', class)
  if max_active > 0 and queued + running + new > max_active then
    return { 'active', { queued + running, until_one_ends(class, running) }, {} }
  elseif max_queued > 0 and queued + new > max_queued then
    return { 'queued', { queued, until_one_ends(class, running) }, {} }
  elseif max_depth > 0 and depth + new > max_depth then
    return { 'full', { depth, until_room(class) }, {} }
  end
  redis.call('HSET', TENANT .. tenant, 'weight', weight, 'max_running', max_running)
end

for i, member in ipairs(members) do
  local at = FIRST + (i - 1) * FIELDS
  local id, fingerprint, digest, notify = ARGV[at], ARGV[at + 3], cache_ms > 0 and ARGV[at + 4] or '', ARGV[at + 5]
  if member.how == 'new' then
    local more = {}
    for name, value in pairs({ fingerprint = fingerprint, batch = batch, notify = notify }) do
      if value ~= '' then
        more[#more + 1] = name
        more[#more + 1] = value
      end
    end
    accept(id, tenant, ARGV[at + 1], ARGV[at + 2], unpack(more))
    if digest ~= '' then
      redis.call('SET', SAME .. digest, id, 'EX', math.max(ALIVE_AT_LEAST, math.ceil(cache_ms / 1000)))
      redis.call('HINCRBY', COUNTERS, 'missed', 1)
    end
  else
    redis.call('HINCRBY', COUNTERS, member.how, 1)
    if member.how ~= 'repeated' then
      -- Asked for under another id: that id stands for this job from now on.
      redis.call('HSET', ALIAS .. id, 'tenant', tenant, 'fingerprint', fingerprint, 'job', member.id)
      redis.call('EXPIRE', ALIAS .. id, RETENTION)
    end
    if member.how == 'cached' then
      redis.call('EXPIRE', JOB .. member.id, RETENTION)
      redis.call('EXPIRE', JOBS .. tenant, RETENTION, 'GT')
    end
  end
end
if new > 0 then
  settle(tenant)
end

local answer, ids = {}, {}
for i, member in ipairs(members) do
  local place = line(member.id, tenant, member.state, now)
  answer[i] = { member.id, member.state, member.how, place[1], place[2], place[3] }
  ids[i] = member.id
end
if mark and redis.call('EXISTS', BATCH .. batch) == 0 then
  redis.call('HSET', BATCH .. batch, 'tenant', tenant, 'mark', mark, 'members', table.concat(ids, ' '),
    'submitted', ARGV[FIRST + 2], 'open', new)
  if new == 0 then
    redis.call('EXPIRE', BATCH .. batch, RETENTION)
  end
end
return { 'ok', {}, answer }
