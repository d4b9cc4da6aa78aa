-- Positions and estimates. Included after lanes.lua.

local SAMPLE = 16 -- tenants that an estimate reads; further ones are assumed to be alike
local UNKNOWN_WAIT = 30000 -- ms after which to retry when no run time is known

-- The first tenants with a turn in a lane, and how many tenants each of these stands for in an estimate.
local known_rivals = {}
local function rivals(class, lane)
  local name = class .. ':' .. lane
  if not known_rivals[name] then
    local list = {}
    local found = redis.call('ZRANGE', TURNS .. name, 0, SAMPLE - 1)
    for _, tenant in ipairs(found) do
      local h = account(tenant, lane)
      list[#list + 1] = {
        tenant = tenant, tag = tag_of(h, class, lane), weight = weight_of(h), waiting = number(h, 'waiting:' .. lane),
        back = number(h, 'back:' .. lane),
      }
    end
    local all = #list < SAMPLE and #list or number(numbers, 'tenants:' .. name)
    known_rivals[name] = { list = list, each = #list > 0 and all / #list or 1 }
  end
  return known_rivals[name]
end

-- How many jobs of other tenants of the class go before the job at `rank`, if no job is added or cancelled.
local function before(tenant, class, lane, rank)
  local h = account(tenant, lane)
  local tag = tag_of(h, class, lane)
  if text(h, 'turn:' .. lane) == '' then
    tag = math.max(tag, number(numbers, 'clock:' .. class .. ':' .. lane))
  end
  tag = tag + (rank - number(h, 'back:' .. lane)) / weight_of(h)
  local sum, others = 0, rivals(class, lane)
  for _, other in ipairs(others.list) do
    if other.tenant ~= tenant then
      -- Its k-th job goes before if `tag + k / weight` is less; differences that only break ties count as none.
      local jobs = math.ceil((tag - other.tag) * other.weight - 1e-3)
      sum = sum + math.min(other.waiting, math.max(jobs, other.back > 0 and 1 or 0))
    end
  end
  return math.floor(sum * others.each)
end

-- The same for a job that has just joined, from totals alone.
local function before_roughly(tenant, class, lane, rank)
  local name = class .. ':' .. lane
  local others = number(numbers, 'waiting:' .. name) - number(account(tenant, lane), 'waiting:' .. lane)
  local tenants = number(numbers, 'tenants:' .. name) - 1
  return math.max(0, math.min(others, tenants * rank))
end

-- The position among agents and users of the lane, from the jobs ahead of the same class.
local function among_classes(class, lane, ahead)
  if class == TESTS then
    return ahead + 1
  end
  local in_a_row = number(numbers, 'agents_in_a_row')
  if class == AGENTS then
    local users = number(numbers, 'waiting:' .. USERS .. ':' .. lane)
    return ahead + math.min(users, math.floor((ahead + in_a_row) / (USERS_SHARE - 1))) + 1
  end
  local agents = number(numbers, 'waiting:' .. AGENTS .. ':' .. lane)
  return ahead + math.min(agents, (ahead + 1) * (USERS_SHARE - 1) - in_a_row) + 1
end

-- The position of a waiting job, 1 is next; 0 when it does not wait. A job that waits for a retry has its rank among
-- those.
local function position(id, tenant, lane)
  local rank = redis.call('ZRANK', WAITING .. tenant .. '@' .. lane, id)
  if not rank then
    local delayed = redis.call('ZRANK', DELAYED, id)
    return delayed and delayed + 1 or 0
  end
  local class, h = class_of(tenant), account(tenant, lane)
  if rank < number(h, 'back:' .. lane) then
    local name = class .. ':' .. lane
    local agents = class == USERS and redis.call('ZCOUNT', TURNS .. AGENTS .. ':' .. lane, '-inf', '(0') or 0
    local others = redis.call('ZCOUNT', TURNS .. name, '-inf', '(' .. text(h, 'ahead:' .. lane))
    return rank + others + agents + 1
  end
  return among_classes(class, lane, rank + before(tenant, class, lane, rank))
end

-- The field with the average run time of the jobs of a lane.
local function pace_of(class, lane)
  return 'pace:' .. side_of(class) .. ':' .. lane
end

-- Updates the average run time with a job of `ms`: an exponential average over about ten jobs.
local function paced(class, lane, ms)
  local name = pace_of(class, lane)
  local old = number(numbers, name)
  set(numbers, name, math.max(1, math.floor(old > 0 and old + (ms - old) / 10 or ms)))
end

-- ms until a job is done; -1 when that is unknown.
local function eta(state, class, lane, place, leased)
  local each, workers = number(numbers, pace_of(class, lane)), cover(class, lane)
  if each == 0 or not workers.has_worker or (state ~= 'queued' and state ~= 'running') then
    return -1
  elseif state == 'running' then
    return math.max(0, (leased or now) + each - now)
  elseif class == TESTS then
    return each
  elseif workers.slots == 0 then
    return -1
  end
  local busy = number(numbers, 'busy:' .. side_of(class) .. ':' .. lane)
  return math.floor(each + each * math.max(0, place + busy - workers.slots) / workers.slots)
end

-- The position of a job (0: it does not wait), ms until it is done (-1: unknown), and whether it waits and no live
-- worker covers it.
local function place_of(state, tenant, lane, place, leased)
  local class = class_of(tenant)
  local no_worker = state == 'queued' and not cover(class, lane).has_worker
  return { place, eta(state, class, lane, place, leased), no_worker and 1 or 0 }
end

-- A job as {id, hash, position, ms until it is done, whether no live worker covers it}; nothing when there is none.
local function entry(id)
  local found, fields = redis.call('HGETALL', JOB .. id), {}
  for i = 1, #found, 2 do
    fields[found[i]] = found[i + 1]
  end
  if not fields.job then
    return nil, fields.alias
  end
  local state, place = fields.state, { 0, -1, 0 }
  if state == 'queued' or state == 'running' then
    local at = state == 'queued' and position(id, fields.tenant, fields.lane) or 0
    place = place_of(state, fields.tenant, fields.lane, at, tonumber(fields.leased))
  end
  return { id, found, place[1], place[2], place[3] }
end

-- ms until one of `running` jobs of a lane may end.
local function until_one_ends(class, lane, running)
  local each = number(numbers, pace_of(class, lane))
  return each > 0 and math.floor(each / math.max(1, running)) or UNKNOWN_WAIT
end

-- ms until a full class may have room.
local function until_room(class, lane)
  return until_one_ends(class, lane, cover(class, lane).slots)
end
