-- Submissions; each takes in the jobs of one tenant, all or none. ARGV: greatest depth of a class (0: no bound), ms for
-- which a result answers the same request (0: never), then for each submission: number of jobs, tenant, its weight, its
-- greatest numbers of active, running and queued jobs (0: no bound), batch ('': none), and for each job: id, job,
-- fingerprint, digest of the request ('': not to be compared), lane, time of submission. Returns for each submission a
-- word, numbers, and for `ok` each job as {id, state, outcome, position, ms until it is done, whether no live worker
-- covers it}. Other words: `conflict`; `full`, `active`, `queued`, `lanes` with the number that there are and ms after
-- which to try again.
local max_depth, cache_ms = tonumber(ARGV[3]), tonumber(ARGV[4])
local HEADER, FIELDS_OF_JOB = 7, 6
local REMEMBERED = 86400 -- least seconds for which a digest is kept

-- The job that answers an equal request: one that waits, runs, or has recently succeeded.
local function same_job(tenant, digest)
  local id = redis.call('GET', SAME .. digest)
  local found = id and redis.call('HMGET', JOB .. id, 'tenant', 'state', 'cancel', 'finished', 'lane', 'leased')
  if not found or found[1] ~= tenant then
    return nil
  end
  local same = { id = id, state = found[2], lane = found[5], leased = tonumber(found[6]) }
  if (same.state == 'queued' or same.state == 'running') and found[3] ~= '1' then
    same.outcome = 'attached'
    return same
  elseif same.state == 'succeeded' and now - found[4] <= cache_ms then
    same.outcome = 'cached'
    return same
  end
end

-- The job that was submitted under this id before, if there is one; false if its fingerprint differs.
local stale = {}
local function earlier(tenant, id, fingerprint)
  local own = id
  local found = redis.call('HMGET', JOB .. id, 'tenant', 'fingerprint', 'state', 'alias', 'lane', 'leased')
  if not found[1] then
    return nil
  elseif found[1] ~= tenant or (found[2] or '') ~= fingerprint then
    return false
  elseif found[4] then
    id = found[4]
    found = redis.call('HMGET', JOB .. id, 'tenant', 'fingerprint', 'state', 'alias', 'lane', 'leased')
    if not found[3] then
      -- The retention of the job that answered is over.
      stale[#stale + 1] = JOB .. own
      return nil
    end
  end
  return { id = id, state = found[3], lane = found[5], leased = tonumber(found[6]), outcome = 'repeated' }
end

local function take_in(at)
  local jobs, tenant, batch = tonumber(ARGV[at]), ARGV[at + 1], ARGV[at + 6]
  local max_active, max_queued = tonumber(ARGV[at + 3]), tonumber(ARGV[at + 5])
  local class, first = class_of(tenant), at + HEADER
  local last = first + jobs * FIELDS_OF_JOB - 1

  -- Everything is read before anything is written.
  local mark, known
  if batch ~= '' then
    local marks = {}
    for i = first, last, FIELDS_OF_JOB do
      marks[#marks + 1] = ARGV[i] .. ' ' .. ARGV[i + 2]
    end
    mark = redis.sha1hex(table.concat(marks, ' '))
    known = redis.call('HMGET', BATCH .. batch, 'tenant', 'mark')
    if known[1] and (known[1] ~= tenant or known[2] ~= mark) then
      return { 'conflict', {}, {} }
    end
  end
  local members, new, lanes, by_digest = {}, 0, {}, {}
  for i = first, last, FIELDS_OF_JOB do
    local id, fingerprint, digest = ARGV[i], ARGV[i + 2], cache_ms > 0 and ARGV[i + 3] or ''
    local member = earlier(tenant, id, fingerprint)
    if member == false then
      return { 'conflict', {}, {} }
    end
    member = member or (digest ~= '' and (by_digest[digest] or same_job(tenant, digest)))
    if not member then
      member = { id = id, state = 'queued', lane = ARGV[i + 4], outcome = 'new' }
      new, lanes[member.lane] = new + 1, true
      if digest ~= '' then
        by_digest[digest] = { id = id, state = 'queued', lane = member.lane, outcome = 'attached' }
      end
    end
    members[#members + 1] = member
  end
  local lane = ARGV[first + 4]
  local h = account(tenant, lane)
  if new > 0 then
    local queued, running = number(h, 'queued'), number(h, 'running')
    local depth = number(numbers, 'queued:' .. class)
    if max_active > 0 and queued + running + new > max_active then
      return { 'active', { queued + running, until_one_ends(class, lane, running) }, {} }
    elseif max_queued > 0 and queued + new > max_queued then
      return { 'queued', { queued, until_one_ends(class, lane, running) }, {} }
    elseif max_depth > 0 and depth + new > max_depth then
      return { 'full', { depth, until_room(class, lane) }, {} }
    elseif not have_room(class, lanes) then
      return { 'lanes', { number(numbers, 'known_lanes'), until_room(class, lane) }, {} }
    end
    if #stale > 0 then
      redis.call('DEL', unpack(stale))
      stale = {}
    end
    set(h, 'weight', ARGV[at + 2])
    if number(h, 'max_running') ~= tonumber(ARGV[at + 4]) then
      set(h, 'max_running', ARGV[at + 4])
      settle_all(tenant, lane, true)
    end
  end

  local answer, ids = {}, {}
  for n, member in ipairs(members) do
    local i = first + (n - 1) * FIELDS_OF_JOB
    local id, fingerprint, digest = ARGV[i], ARGV[i + 2], cache_ms > 0 and ARGV[i + 3] or ''
    local place = 0
    if member.outcome == 'new' then
      local job, more = { id = id, tenant = tenant, lane = member.lane }, {}
      if fingerprint ~= '' then
        more = { 'fingerprint', fingerprint }
      end
      if batch ~= '' then
        job.batch = batch
        more[#more + 1] = 'batch'
        more[#more + 1] = batch
      end
      accept(job, ARGV[i + 1], unpack(more))
      if digest ~= '' then
        redis.call('SET', SAME .. digest, id, 'EX', math.max(REMEMBERED, math.ceil(cache_ms / 1000)))
        add(numbers, 'missed', 1)
      end
      local rank = number(account(tenant, member.lane), 'waiting:' .. member.lane) - 1
      place = among_classes(class, member.lane, rank + before_roughly(tenant, class, member.lane, rank))
    else
      add(numbers, member.outcome, 1)
      if member.outcome ~= 'repeated' and id ~= member.id then
        -- Submitted under another id: that id is an alias of this job from now on.
        redis.call('HSET', JOB .. id, 'tenant', tenant, 'fingerprint', fingerprint, 'alias', member.id)
        redis.call('EXPIRE', JOB .. id, RETENTION)
      end
      if member.outcome == 'cached' then
        redis.call('EXPIRE', JOB .. member.id, RETENTION)
        redis.call('EXPIRE', JOBS .. tenant, RETENTION, 'GT')
      end
      place = member.state == 'queued' and position(member.id, tenant, member.lane) or 0
    end
    local stands = place_of(member.state, tenant, member.lane, place, member.leased)
    answer[n] = { member.id, member.state, member.outcome, stands[1], stands[2], stands[3] }
    ids[n] = member.id
  end
  if mark and not known[1] then
    redis.call('HSET', BATCH .. batch, 'tenant', tenant, 'mark', mark, 'members', table.concat(ids, ' '), 'submitted',
      ARGV[first + 5], 'open', new)
    if new == 0 then
      redis.call('EXPIRE', BATCH .. batch, RETENTION)
    end
  elseif mark and new > 0 then
    -- Jobs whose retention was over were submitted again.
    redis.call('HINCRBY', BATCH .. batch, 'open', new)
    redis.call('PERSIST', BATCH .. batch)
  end
  return { 'ok', {}, answer }
end

local answers, at = {}, 5
while at <= #ARGV do
  local ok, answer = pcall(take_in, at)
  answers[#answers + 1] = ok and answer or { 'error', {}, {}, tostring(answer.err or answer) }
  at = at + HEADER + tonumber(ARGV[at]) * FIELDS_OF_JOB
end
flush()
return answers
