-- Lanes: which workers cover which jobs, and which tenant has the next turn. Included after prelude.lua.
--
-- A tenant is written `class:owner`. In each lane its jobs wait in a sorted set of its own, by arrival; requeued jobs precede
-- the others, at negative scores. For each class and lane, `turns` holds the tenants that have a job there and run
-- fewer than they may, by start tag (start-time fair queueing). Tags are comparable between the lanes of a class. A tenant has one account of the service that it received (`served`) and in each lane an offset:
-- its tag is the sum of both. A tag in `turns` that is too low, because the tenant was served in another lane since, is
-- corrected when it comes first.

local AHEAD = -1e15 -- added to the order of a requeued job
local TIE = 1e-6 -- the clock of a lane advances by it at each dispatch, so that new tenants sort behind waiting ones
local LAG = 8 -- turns of its own that a tenant may be behind or ahead of the clocks
local CORRECTIONS = 64 -- tags that one search for the next tenant corrects
local MOST_LANES = 512 -- lanes with stored numbers at a time, of all classes
local LANE_RETENTION = 3600 -- seconds that the numbers of a lane without jobs are kept
local SILENCE = 5000 -- ms without an announcement after which no worker is alive
local TENANT_RETENTION = 3600 -- seconds that the account of an idle tenant is kept

-- What the workers of a pool can do. A pool is the set of workers with equal capabilities; its name lists them, one in
-- each line: `kind/level/is default model/several views/grid/model`. The pool `*` runs test jobs of all lanes.
local known_capabilities = {}
local function capabilities(pool)
  if known_capabilities[pool] then
    return known_capabilities[pool]
  end
  local list = { is_test = pool == '*', lanes = {} } -- `lanes`: whether they cover a lane, as far as known
  for line in string.gmatch(pool, '[^\n]+') do
    local kind, level, default, views, grid, model = string.match(line, '^([^/]*)/(%d+)/([01])/([01])/(%d+)/(.*)$')
    if kind then
      list[#list + 1] = {
        kind = kind, level = tonumber(level), is_default = default == '1', views = views == '1', grid = tonumber(grid),
        model = model,
      }
    end
  end
  known_capabilities[pool] = list
  return list
end

local function covers_lane(can, lane)
  local kind, level, model, views, grid = string.match(lane, '^([^/]*)/(%d+)/(.*)/([1n])/(%d+)$')
  level, grid = tonumber(level), tonumber(grid)
  for _, one in ipairs(can) do
    if one.kind == kind and one.level >= level and one.grid >= grid and (one.views or views == '1')
      and ((model == '' and one.is_default) or (model ~= '' and one.model == model)) then
      return true
    end
  end
  return false
end

-- Whether workers with these capabilities run the jobs of a class and lane. As `domain::Capability::covers`.
local function covers(can, class, lane)
  if can.is_test or class == TESTS then
    return can.is_test and class == TESTS
  end
  if can.lanes[lane] == nil then
    can.lanes[lane] = covers_lane(can, lane)
  end
  return can.lanes[lane]
end

-- The live pools: capabilities, numbers of workers and of slots.
local known_pools
local function pools()
  if not known_pools then
    known_pools = {}
    -- Live workers announce themselves each second and remove dead ones. Without any announcement for so long, all are
    -- dead.
    local is_alive = now - number(numbers, 'announced') < SILENCE
    local found = is_alive and redis.call('HGETALL', POOLS) or {}
    for i = 1, #found, 2 do
      local workers, slots = string.match(found[i + 1], '^(%d+) (%d+)$')
      known_pools[#known_pools + 1] = { name = found[i], can = capabilities(found[i]), slots = tonumber(slots) }
    end
  end
  return known_pools
end

-- Whether a live worker covers a class and lane, and how many slots those workers have.
local known_cover = {}
local function cover(class, lane)
  local name = side_of(class) .. lane
  if not known_cover[name] then
    local found = { has_worker = false, slots = 0, pools = {} }
    for _, pool in ipairs(pools()) do
      if covers(pool.can, class, lane) then
        found.has_worker, found.slots = true, found.slots + pool.slots
        found.pools[#found.pools + 1] = pool.name
      end
    end
    known_cover[name] = found
  end
  return known_cover[name]
end

-- Reads the numbers that moves in a lane need, with one command.
local known_lanes = {}
local function read_lane(class, lane, ...)
  local name, side = class .. ':' .. lane, side_of(class)
  if not known_lanes[name] then
    known_lanes[name] = true
    read(numbers, {
      'lanes', 'known_lanes', 'enqueued', 'agents_in_a_row', 'announced', 'succeeded', 'missed',
      'queued:' .. class, 'running:' .. class,
      'clock:' .. name, 'waiting:' .. name, 'tenants:' .. name, 'since:' .. name, 'pace:' .. side .. ':' .. lane,
      'busy:' .. side .. ':' .. lane, 'waiting:' .. AGENTS .. ':' .. lane, 'waiting:' .. USERS .. ':' .. lane, ...
    })
  end
end

-- Removes the numbers of lanes that have had no job for `idle` ms. Classes that share workers share run times, so their
-- lanes are removed together.
local function forget_lanes(idle)
  local sides, known = {}, 0
  for _, field in ipairs(read_all(numbers)) do
    local class, lane = string.match(field, '^waiting:(%a+):(.*)$')
    if class and text(numbers, field) ~= '' then
      local side = side_of(class) .. ':' .. lane
      sides[side] = sides[side] or {}
      table.insert(sides[side], class .. ':' .. lane)
      known = known + 1
    end
  end
  for side, names in pairs(sides) do
    local is_idle, fields = number(numbers, 'busy:' .. side) == 0, { 'pace:' .. side, 'busy:' .. side }
    for _, name in ipairs(names) do
      local has_jobs = number(numbers, 'waiting:' .. name) > 0
      is_idle = is_idle and not has_jobs and now - number(numbers, 'since:' .. name) >= idle
      for _, what in ipairs({ 'clock:', 'waiting:', 'tenants:', 'since:' }) do
        fields[#fields + 1] = what .. name
      end
    end
    if is_idle then
      remove(numbers, fields)
      known = known - #names
    end
  end
  set(numbers, 'known_lanes', known)
  set(numbers, 'lanes_swept', now)
end

-- Whether jobs of a class may join all of `lanes`, the keys of a table. When there are too many lanes, those without
-- jobs make room, looked for once a second.
local function have_room(class, lanes)
  local function are_too_many()
    local new = 0
    for lane in pairs(lanes) do
      read_lane(class, lane)
      new = new + (text(numbers, 'waiting:' .. class .. ':' .. lane) == '' and 1 or 0)
    end
    return new > 0 and number(numbers, 'known_lanes') + new > MOST_LANES
  end
  if are_too_many() and now - number(numbers, 'lanes_swept') >= 1000 then
    forget_lanes(0)
  end
  return not are_too_many()
end

-- The account of a tenant, with its fields for a lane.
local known_accounts = {}
local function account(tenant, lane)
  local name = tenant .. '@' .. lane
  local h = known_accounts[name]
  if not h then
    read_lane(class_of(tenant), lane)
    h = hash(TENANT .. tenant)
    read(h, {
      'queued', 'running', 'served', 'weight', 'max_running', 'offset:' .. lane, 'waiting:' .. lane, 'back:' .. lane,
      'ahead:' .. lane, 'turn:' .. lane,
    })
    known_accounts[name] = h
  end
  return h
end

local function weight_of(h)
  local weight = number(h, 'weight')
  return weight > 0 and weight or 1
end

-- The start tag of a tenant in a lane, no further ahead of the clock of the lane than LAG turns.
local function tag_of(h, class, lane)
  local clock = number(numbers, 'clock:' .. class .. ':' .. lane)
  return math.min(number(h, 'offset:' .. lane) + number(h, 'served'), clock + LAG / weight_of(h))
end

-- The lanes with tenants whose turn may come, as `class:lane`, one in each line.
local function activate(class, lane)
  set(numbers, 'lanes', text(numbers, 'lanes') .. class .. ':' .. lane .. '\n')
  set(numbers, 'since:' .. class .. ':' .. lane, now)
  for _, pool in ipairs(cover(class, lane).pools) do
    redis.call('ZADD', WAKE .. pool, 0, 'w')
  end
end

local function deactivate(class, lane)
  local kept, gone = {}, class .. ':' .. lane
  for one in string.gmatch(text(numbers, 'lanes'), '[^\n]+') do
    if one ~= gone then
      kept[#kept + 1] = one .. '\n'
    end
  end
  set(numbers, 'lanes', table.concat(kept))
end

-- The tenant that was charged for a job in each lane, until it is settled.
local charged = {}

-- After a change to the waiting or running jobs of a tenant: whether its turn may come in a lane, and when.
local function settle(tenant, lane)
  local class, h = class_of(tenant), account(tenant, lane)
  local name, clock = class .. ':' .. lane, number(numbers, 'clock:' .. class .. ':' .. lane)
  local most, turn = number(h, 'max_running'), text(h, 'turn:' .. lane)
  local now_turn = ''
  if number(h, 'waiting:' .. lane) > 0 and (most == 0 or number(h, 'running') < most) then
    now_turn = number(h, 'back:' .. lane) > 0 and 'back' or 'new'
  end
  if now_turn == turn then
    if charged[name] == tenant and turn == 'new' and number(numbers, 'tenants:' .. name) > 1 then
      redis.call('ZADD', TURNS .. name, tag_of(h, class, lane), tenant)
    end
    charged[name] = nil
    return
  end
  charged[name] = nil
  set(h, 'turn:' .. lane, now_turn)
  if turn == '' then
    -- A tenant that had no turn does not save up turns.
    local tag = text(h, 'offset:' .. lane) ~= '' and tag_of(h, class, lane) or clock
    set(h, 'offset:' .. lane, math.max(tag, clock) - number(h, 'served'))
  end
  if now_turn == '' then
    redis.call('ZREM', TURNS .. name, tenant)
  else
    local score = now_turn == 'back' and number(h, 'ahead:' .. lane) or tag_of(h, class, lane)
    redis.call('ZADD', TURNS .. name, score, tenant)
  end
  if turn == '' and add(numbers, 'tenants:' .. name, 1) == 1 then
    activate(class, lane)
  elseif now_turn == '' and add(numbers, 'tenants:' .. name, -1) == 0 then
    deactivate(class, lane)
  end
end

-- After a change to how many jobs a tenant runs: its turn in all of its lanes, when its bound was reached or left.
local function settle_all(tenant, lane, is_forced)
  settle(tenant, lane)
  local h = account(tenant, lane)
  local most, running = number(h, 'max_running'), number(h, 'running')
  if not is_forced and (most == 0 or (running ~= most and running ~= most - 1)) then
    return
  end
  local lanes, seen = {}, { [lane] = true }
  local function note(field)
    local other = string.match(field, '^waiting:(.*)$')
    if other and not seen[other] then
      seen[other] = true
      lanes[#lanes + 1] = other
    end
  end
  for _, field in ipairs(redis.call('HKEYS', h.name)) do
    note(field)
  end
  for field in pairs(h.values) do
    note(field)
  end
  table.sort(lanes)
  for _, other in ipairs(lanes) do
    settle(tenant, other)
  end
end

-- Appends a job to the waiting jobs of its tenant in its lane, or prepends it.
local function join(job, is_back)
  local tenant, lane = job.tenant, job.lane
  local h, name = account(tenant, lane), class_of(tenant) .. ':' .. lane
  local order = add(numbers, 'enqueued', 1)
  local score = is_back and order + AHEAD or order
  redis.call('ZADD', WAITING .. tenant .. '@' .. lane, score, job.id)
  add(h, 'waiting:' .. lane, 1)
  if text(numbers, 'waiting:' .. name) == '' then
    add(numbers, 'known_lanes', 1)
  end
  add(numbers, 'waiting:' .. name, 1)
  if is_back and add(h, 'back:' .. lane, 1) == 1 then
    set(h, 'ahead:' .. lane, score)
  end
  settle(tenant, lane)
  return order
end

-- Counts a job out of the waiting jobs of its tenant in its lane; `score` is the one that it had there.
local function leave(job, score)
  local h, name = account(job.tenant, job.lane), class_of(job.tenant) .. ':' .. job.lane
  add(h, 'waiting:' .. job.lane, -1)
  add(numbers, 'waiting:' .. name, -1)
  if score < 0 then
    add(h, 'back:' .. job.lane, -1)
  end
end

-- The tenant whose turn it is in a lane. Tags that are too low are corrected meanwhile.
local function head(class, lane)
  local turns = TURNS .. class .. ':' .. lane
  for i = 1, CORRECTIONS do
    local first = redis.call('ZRANGE', turns, 0, 1, 'WITHSCORES')
    local tenant, score = first[1], tonumber(first[2])
    if not tenant then
      return nil
    elseif score < 0 then
      return { tenant = tenant, class = class, lane = lane, tag = score }
    end
    local tag = tag_of(account(tenant, lane), class, lane)
    if tag <= score or not first[3] or i == CORRECTIONS then
      return { tenant = tenant, class = class, lane = lane, tag = tag }
    end
    redis.call('ZADD', turns, tag, tenant)
  end
end

-- The tenant and lane whose turn it is among those that a worker covers: requeued jobs first, then agents, with
-- the share of users.
local function next_turn(can)
  local first = {}
  for class, lane in string.gmatch(text(numbers, 'lanes'), '(%a+):([^\n]*)\n') do
    if covers(can, class, lane) then
      local found = head(class, lane)
      if found and (not first[class] or found.tag < first[class].tag) then
        first[class] = found
      end
    end
  end
  local agent, user = first[AGENTS], first[USERS]
  if can.is_test then
    return first[TESTS]
  elseif agent and agent.tag < 0 then
    return agent
  elseif user and user.tag < 0 then
    return user
  elseif not (agent and user) then
    set(numbers, 'agents_in_a_row', 0)
    return agent or user
  elseif number(numbers, 'agents_in_a_row') + 1 >= USERS_SHARE then
    set(numbers, 'agents_in_a_row', 0)
    return user
  end
  add(numbers, 'agents_in_a_row', 1)
  return agent
end

-- Takes the next job of a turn, for a worker of `pool`; returns its id. A requeued job is not charged again.
local function take(turn, pool)
  local tenant, class, lane = turn.tenant, turn.class, turn.lane
  local h, name = account(tenant, lane), class .. ':' .. lane
  local first = redis.call('ZPOPMIN', WAITING .. tenant .. '@' .. lane)
  if not first[1] then
    -- Keys were deleted from outside.
    set(h, 'waiting:' .. lane, 0)
    set(h, 'back:' .. lane, 0)
    settle(tenant, lane)
    redis.call('ZREM', TURNS .. name, tenant)
    return nil
  end
  if tonumber(first[2]) >= 0 then
    local weight, own, clock = weight_of(h), 'clock:' .. class .. '@' .. pool, 'clock:' .. name
    local start = math.max(tag_of(h, class, lane), number(numbers, own) - LAG / weight)
    set(h, 'offset:' .. lane, start - number(h, 'served'))
    add(h, 'served', 1 / weight)
    set(numbers, clock, math.max(number(numbers, clock), start) + TIE)
    set(numbers, own, math.max(number(numbers, own), start))
    charged[name] = tenant
  end
  leave({ tenant = tenant, lane = lane }, tonumber(first[2]))
  set(numbers, 'since:' .. name, now)
  return first[1]
end
