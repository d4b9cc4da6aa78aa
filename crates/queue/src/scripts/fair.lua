-- Fair lines: who is next, and how long it may take. Included after prelude.lua.
--
-- A tenant is written `class:owner`. Its jobs wait in its own line, by arrival; jobs that came back from a worker stand
-- before the others, at negative places. Each class has a sorted set of the tenants whose turn may come: those that have
-- a job in line and run fewer than they may. It is sorted by virtual time (start-time fair queueing), and a tenant whose
-- first job came back stands at that job's negative place.

local AHEAD = -1e15 -- added to the place of a job that came back
local HAIR = 1e-6 -- the class's virtual time grows by it at each dispatch: who came later does not stand beside who waits
local TENANT_RETENTION = 3600 -- seconds that an idle tenant's virtual time is remembered
local SAMPLE = 16 -- tenants that an estimate looks at; more are taken to be like these
local AGENTS, USERS, TESTS = 'agent', 'user', 'test'

local function class_of(tenant)
  return string.match(tenant, '^%a+')
end

-- Counts a job in or out: `what` is queued or running.
local function count(tenant, what, by)
  redis.call('HINCRBY', TENANT .. tenant, what, by)
  redis.call('HINCRBY', LOAD, what .. ':' .. class_of(tenant), by)
end

local function load(what, class)
  return tonumber(redis.call('HGET', LOAD, what .. ':' .. class)) or 0
end

local function virtual_time(class)
  return tonumber(redis.call('HGET', CLOCKS, class)) or 0
end

-- Puts a job into its tenant's line. `settle` has to follow.
local function join(id, tenant, came_back)
  local order = redis.call('HINCRBY', COUNTERS, 'enqueued', 1)
  redis.call('ZADD', LINE .. tenant, came_back and order + AHEAD or order, id)
  return order
end

-- After any change to a tenant's line or running jobs: whether, and when, its turn comes.
local function settle(tenant)
  local class = class_of(tenant)
  local turn = TURN .. class
  local first = redis.call('ZRANGE', LINE .. tenant, 0, 0, 'WITHSCORES')
  local t = redis.call('HMGET', TENANT .. tenant, 'queued', 'running', 'max_running', 'vtime')
  local running, most = tonumber(t[2]) or 0, tonumber(t[3]) or 0
  if not first[1] or (most > 0 and running >= most) then
    redis.call('ZREM', turn, tenant)
    if running == 0 and (tonumber(t[1]) or 0) == 0 then
      redis.call('EXPIRE', TENANT .. tenant, TENANT_RETENTION)
      redis.call('EXPIRE', JOBS .. tenant, RETENTION)
    end
    return
  end
  local own = tonumber(t[4]) or 0
  if not redis.call('ZSCORE', turn, tenant) then
    -- Who was away has no claim to the time that passed.
    own = math.max(own, virtual_time(class))
    redis.call('HSET', TENANT .. tenant, 'vtime', own)
    -- Workers fall asleep only when nobody's turn can come, so this is all that needs to wake them.
    redis.call('XADD', WAKE[class], 'MAXLEN', 1, '*', 'w', 1)
  end
  local place = tonumber(first[2])
  redis.call('ZADD', turn, place < 0 and place or own, tenant)
end

-- Takes the next job of a tenant whose turn it is. A job that came back was paid for when it first went.
local function take(tenant)
  local class = class_of(tenant)
  local first = redis.call('ZRANGE', LINE .. tenant, 0, 0, 'WITHSCORES')
  redis.call('ZREM', LINE .. tenant, first[1])
  if tonumber(first[2]) >= 0 then
    local t = redis.call('HMGET', TENANT .. tenant, 'vtime', 'weight')
    local start = tonumber(t[1])
    redis.call('HSET', TENANT .. tenant, 'vtime', start + 1 / (tonumber(t[2]) or 1))
    redis.call('HSET', CLOCKS, class, math.max(virtual_time(class), start) + HAIR)
  end
  count(tenant, 'queued', -1)
  count(tenant, 'running', 1)
  settle(tenant)
  return first[1]
end

-- The tenant whose turn it is, of one class: its name, and whether its first job came back.
local function head(class)
  local first = redis.call('ZRANGE', TURN .. class, 0, 0, 'WITHSCORES')
  return first[1], first[1] and tonumber(first[2]) < 0
end

-- The tenant whose turn it is among agents and users: what came back goes first, then agents, with the users' share.
local function next_tenant()
  local agent, agent_back = head(AGENTS)
  local user, user_back = head(USERS)
  if agent_back then
    return agent
  elseif user_back then
    return user
  elseif not (agent and user) then
    redis.call('HDEL', CLOCKS, 'agents_in_a_row')
    return agent or user
  elseif (tonumber(redis.call('HGET', CLOCKS, 'agents_in_a_row')) or 0) + 1 >= USERS_SHARE then
    redis.call('HDEL', CLOCKS, 'agents_in_a_row')
    return user
  end
  redis.call('HINCRBY', CLOCKS, 'agents_in_a_row', 1)
  return agent
end

-- The tenants of a class that have a turn, as far as an estimate looks, and how many there are for each of these.
local known_rivals = {}
local function rivals(class)
  if not known_rivals[class] then
    local list = {}
    local found = redis.call('ZRANGE', TURN .. class, 0, SAMPLE - 1, 'WITHSCORES')
    for i = 1, #found, 2 do
      local t = redis.call('HMGET', TENANT .. found[i], 'vtime', 'weight')
      list[#list + 1] = {
        tenant = found[i], came_back = tonumber(found[i + 1]) < 0, vtime = tonumber(t[1]), weight = tonumber(t[2]) or 1,
        waiting = redis.call('ZCARD', LINE .. found[i]),
      }
    end
    local all = #list < SAMPLE and #list or redis.call('ZCARD', TURN .. class)
    known_rivals[class] = { list = list, each = #list > 0 and all / #list or 1 }
  end
  return known_rivals[class]
end

-- How many jobs of a class go before the one at `rank` of a tenant's line, if nobody comes or goes.
local function before(tenant, class, rank)
  local t = redis.call('HMGET', TENANT .. tenant, 'vtime', 'weight')
  local weight, start = tonumber(t[2]) or 1, tonumber(t[1]) or 0
  if not redis.call('ZSCORE', TURN .. class, tenant) then
    start = math.max(start, virtual_time(class))
  end
  local free = redis.call('ZCOUNT', LINE .. tenant, '-inf', '(0')
  local tag = start + (rank - free) / weight
  local sum, others = 0, rivals(class)
  for _, other in ipairs(others.list) do
    if other.tenant ~= tenant then
      -- Its k-th job goes before ours if `vtime + k / weight` is less; the hair counts as nothing.
      local jobs = math.ceil((tag - other.vtime) * other.weight - 1e-3)
      sum = sum + math.min(other.waiting, math.max(jobs, other.came_back and 1 or 0))
    end
  end
  return rank + math.floor(sum * others.each)
end

-- A waiting job's place in line, 1 is next; 0 when it does not wait. Jobs that wait for a retry are counted by when they
-- are due, as they go first then.
local function position(id, tenant)
  local rank = redis.call('ZRANK', LINE .. tenant, id)
  if not rank then
    local delayed = redis.call('ZRANK', DELAYED, id)
    return delayed and delayed + 1 or 0
  end
  local class, place = class_of(tenant), redis.call('ZSCORE', LINE .. tenant, id)
  if tonumber(place) < 0 then
    local agents = class == USERS and redis.call('ZCOUNT', TURN .. AGENTS, '-inf', '(0') or 0
    local others = redis.call('ZCOUNT', TURN .. class, '-inf', '(' .. place)
    if rank > 0 and redis.call('ZSCORE', TURN .. class, tenant) then
      others = others - 1
    end
    return rank + others + agents + 1
  end
  local ahead = before(tenant, class, rank)
  if class ~= TESTS then
    local in_a_row = tonumber(redis.call('HGET', CLOCKS, 'agents_in_a_row')) or 0
    if class == AGENTS then
      ahead = ahead + math.min(load('queued', USERS), math.floor((ahead + in_a_row) / (USERS_SHARE - 1)))
    else
      ahead = ahead + math.min(load('queued', AGENTS), (ahead + 1) * (USERS_SHARE - 1) - in_a_row)
    end
  end
  return ahead + 1
end

-- Milliseconds that a job runs, on average; nothing when none has ended yet.
local function pace(class)
  return tonumber(redis.call('HGET', PACE, class == TESTS and 'test' or 'made'))
end

-- A job took so long: the average follows, the latest ten or so counting most.
local function paced(class, ms)
  local old = pace(class)
  redis.call('HSET', PACE, class == TESTS and 'test' or 'made', math.floor(old and old + (ms - old) / 10 or ms))
end

-- Milliseconds until a job is done, or -1 when that cannot be told.
local function eta(id, class, state, place, now)
  local each, seats = pace(class), tonumber(redis.call('GET', SEATS))
  if not each or (class ~= TESTS and not seats) or (state ~= 'queued' and state ~= 'running') then
    return -1
  elseif state == 'running' then
    local leased = tonumber(redis.call('HGET', JOB .. id, 'leased')) or now
    return math.max(0, leased + each - now)
  elseif class == TESTS then
    return each
  end
  local busy = load('running', AGENTS) + load('running', USERS)
  return math.floor(each + each * math.max(0, place + busy - seats) / seats)
end

-- A job's place in line, and milliseconds until it is done (-1: unknown).
local function line(id, tenant, state, now)
  local place = state == 'queued' and position(id, tenant) or 0
  return { place, eta(id, class_of(tenant), state, place, now), 0 }
end

-- A job with its position; nothing when there is none.
local function entry(id, now)
  local hash = redis.call('HGETALL', JOB .. id)
  local fields = {}
  for i = 1, #hash, 2 do
    fields[hash[i]] = hash[i + 1]
  end
  if not fields.job then
    return nil
  end
  local place = line(id, fields.tenant, fields.state, now)
  return { id, hash, place[1], place[2], place[3] }
end

local UNKNOWN_WAIT = 30000 -- milliseconds to come back after when nothing is known of the pace

-- Milliseconds until a running job may end, when so many run.
local function until_one_ends(class, running)
  local each = pace(class)
  return each and math.floor(each / math.max(1, running)) or UNKNOWN_WAIT
end

-- Milliseconds until a full class may have room.
local function until_room(class)
  return until_one_ends(class, tonumber(redis.call('GET', SEATS)) or 1)
end
