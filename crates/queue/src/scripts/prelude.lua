-- Prepended to every other script. KEYS[1] is the prefix of all keys. ARGV[1] and ARGV[2] are settings; the arguments
-- of the script itself begin with ARGV[3].

local RETENTION = tonumber(ARGV[1]) -- seconds that a job is kept after its end
local USERS_SHARE = tonumber(ARGV[2]) -- while users wait, one of so many dispatches is a user's

local function key(name)
  return KEYS[1] .. name
end

-- Prefixes: an id, tenant, digest, lane or pool follows.
local JOB, EVENTS, SAME, BATCH = key('job:'), key('events:'), key('same:'), key('batch:')
local WAITING, TENANT, JOBS, TURNS = key('waiting:'), key('tenant:'), key('jobs:'), key('turns:')
local WAKE = key('wake:')
local DELAYED, LEASES, DEAD, OUTBOX = key('delayed'), key('leases'), key('dead'), key('outbox')
local NUMBERS, WORKERS, ALIVE, POOLS = key('numbers'), key('workers'), key('alive'), key('pools')

local EVENT_LIMIT = 256 -- events kept for each job
local EVENT_RETENTION = 600 -- seconds that the event stream outlives its job; after that the hash still has the end
local DEAD_LIMIT = 10000 -- dead letters kept, about
local OUTBOX_LIMIT = 100000 -- entries of the outbox kept, about
local AGENTS, USERS, TESTS = 'agent', 'user', 'test'

-- Milliseconds since the Unix epoch by the clock of Redis, one moment for the whole script.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

-- Hashes that several moves of a script read and change. Each field is read once, and all changes of a hash are written
-- with one command, by `flush` at the end of the script.
local hashes = {}

local function hash(name)
  local found = hashes[name]
  if not found then
    found = { name = name, values = {}, changed = {} }
    hashes[name] = found
  end
  return found
end

-- Reads the fields that are not known yet, in one command.
local function read(h, fields)
  local missing = {}
  for _, field in ipairs(fields) do
    if h.values[field] == nil then
      missing[#missing + 1] = field
    end
  end
  if #missing > 0 then
    local found = redis.call('HMGET', h.name, unpack(missing))
    for i, field in ipairs(missing) do
      h.values[field] = found[i]
    end
  end
end

-- Reads all fields, in one command; returns their names.
local function read_all(h)
  local found, fields = redis.call('HGETALL', h.name), {}
  for i = 1, #found, 2 do
    fields[#fields + 1] = found[i]
    if h.values[found[i]] == nil then
      h.values[found[i]] = found[i + 1]
    end
  end
  return fields
end

local function text(h, field)
  if h.values[field] == nil then
    read(h, { field })
  end
  return h.values[field] or ''
end

local function number(h, field)
  return tonumber(text(h, field)) or 0
end

local function set(h, field, value)
  h.values[field] = value
  h.changed[field] = true
end

local function add(h, field, by)
  local sum = number(h, field) + by
  set(h, field, sum)
  return sum
end

-- Removes fields at once.
local function remove(h, fields)
  redis.call('HDEL', h.name, unpack(fields))
  for _, field in ipairs(fields) do
    h.values[field], h.changed[field] = false, nil
  end
end

local function flush()
  for name, h in pairs(hashes) do
    local fields = {}
    for field in pairs(h.changed) do
      fields[#fields + 1] = field
      fields[#fields + 1] = h.values[field]
    end
    if #fields > 0 then
      redis.call('HSET', name, unpack(fields))
      h.changed = {}
    end
  end
end

-- Counters and clocks of the whole queue.
local numbers = hash(NUMBERS)

local known_classes = {}
local function class_of(tenant)
  local class = known_classes[tenant]
  if not class then
    class = string.match(tenant, '^%a+')
    known_classes[tenant] = class
  end
  return class
end

-- Agents and users share workers; test jobs run on separate ones.
local function side_of(class)
  return class == TESTS and 'test' or 'made'
end

-- The fields of a job that moves need. A field that was cleared is empty.
local FIELDS = {
  'state', 'tenant', 'lane', 'token', 'attempt', 'cancel', 'max', 'worker', 'ended', 'batch', 'leased', 'milestone',
  'events', 'spared', 'step', 'refused',
}

local function look(id)
  local found = redis.call('HMGET', JOB .. id, unpack(FIELDS))
  local job = { id = id }
  for i, field in ipairs(FIELDS) do
    job[field] = found[i] ~= '' and found[i] or nil
  end
  job.attempt, job.events = tonumber(job.attempt) or 0, tonumber(job.events) or 1
  job.spared, job.step, job.refused = tonumber(job.spared) or 0, tonumber(job.step) or 0, tonumber(job.refused) or 0
  return job
end

-- The job, if the attempt with this token and worker still holds it. Otherwise the write is refused and counted.
local function held(job, token, worker)
  if job.state == 'running' and job.token == token and job.worker == worker then
    return true
  end
  add(numbers, 'fenced', 1)
  return false
end

-- Announces an event of a job to its watchers and stores it. The caller writes `job.events`. `more` is JSON that goes
-- into the event. Not stored are events that the hash implies: the first (`queued`), the start of the first attempt,
-- and the end.
local function tell(job, state, attempt, more)
  job.events = job.events + 1
  local event = string.format('{"state":"%s","attempt":%d,"at_ms":%.0f', state, attempt, now) .. (more or '') .. '}'
  if state == 'queued' or (state == 'running' and job.events > 2) then
    redis.call('XADD', EVENTS .. job.id, 'MAXLEN', EVENT_LIMIT, job.events .. '-0', 'e', event)
  end
  redis.call('PUBLISH', EVENTS .. job.id, job.events .. ' ' .. event)
end

-- Appends a domain event to the outbox. `more` is JSON that goes into it.
local known_owners = {}
local function emit(kind, job, state, attempt, more)
  local class, owner = class_of(job.tenant), known_owners[job.tenant]
  if not owner then
    owner = cjson.encode(string.match(job.tenant, ':(.*)$'))
    known_owners[job.tenant] = owner
  end
  redis.call('XADD', OUTBOX, 'MAXLEN', '~', OUTBOX_LIMIT, '*', 'e', string.format(
    '{"type":"job.%s","job":"%s","owner":%s,"class":"%s",%s"state":"%s","attempt":%d,"at_ms":%.0f%s}', kind, job.id,
    owner, class, job.batch and '"batch":"' .. job.batch .. '",' or '', state, attempt, now, more or ''))
end
