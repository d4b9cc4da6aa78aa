-- Put in front of every other script. KEYS[1] is what all keys begin with; ARGV[1] and ARGV[2] are settings, and a
-- script's own arguments follow.

local RETENTION = ARGV[1] -- seconds that a job is known after its end
local USERS_SHARE = tonumber(ARGV[2]) -- of so many dispatches one is a user's, while users wait

local function key(name)
  return KEYS[1] .. name
end

-- Prefixes; a job's id, a tenant, a class or a digest follows.
local JOB, EVENTS, ALIAS, SAME, BATCH = key('job:'), key('events:'), key('alias:'), key('same:'), key('batch:')
local LINE, TENANT, JOBS, TURN = key('line:'), key('tenant:'), key('jobs:'), key('turn:')
local DELAYED, LEASES, OPEN, DEAD, OUTBOX = key('delayed'), key('leases'), key('open'), key('dead'), key('outbox')
local COUNTERS, LOAD, CLOCKS, PACE = key('counters'), key('load'), key('clocks'), key('pace')
local WORKERS, SEATS, SERVER, HANDED = key('workers'), key('seats'), key('server'), key('handed')
-- Who waits for jobs of a class reads this stream.
local WAKE = { agent = key('wake:made'), user = key('wake:made'), test = key('wake:test') }

local EVENT_LIMIT = 256 -- events kept for each job
local EVENT_RETENTION = 600 -- seconds that events outlive their job; the hash tells the end after that
local DEAD_LIMIT = 10000 -- dead letters kept, about
local OUTBOX_LIMIT = 100000 -- entries of the outbox kept, about
local SWEEP_LIMIT = 100 -- jobs that one call moves, so that a flood of lost leases cannot stop new work
local RESTART_GRACE = 5000 -- milliseconds that workers have to come back after Redis does
local SPARED_LEASES = 10 -- leases of a job that may end without an attempt being counted, if its worker is lost

-- Milliseconds since the Unix epoch, by the one clock that all agree on.
local function clock()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- Records and announces what happened to a job; `more` is JSON that goes into the event.
local function tell(id, state, attempt, now, more)
  local n = redis.call('HINCRBY', JOB .. id, 'events', 1)
  local event = string.format('{"state":"%s","attempt":%d,"at_ms":%.0f', state, attempt, now) .. (more or '') .. '}'
  redis.call('XADD', EVENTS .. id, 'MAXLEN', EVENT_LIMIT, n .. '-0', 'e', event)
  redis.call('PUBLISH', EVENTS .. id, n .. ' ' .. event)
end

-- Writes a domain event; `more` is JSON that goes into it.
local function emit(kind, id, tenant, batch, state, attempt, now, more)
  local class, owner = string.match(tenant, '^(%a+):(.*)$')
  redis.call('XADD', OUTBOX, 'MAXLEN', '~', OUTBOX_LIMIT, '*', 'e', string.format(
    '{"type":"job.%s","job":"%s","owner":%s,"class":"%s",%s"state":"%s","attempt":%d,"at_ms":%.0f%s}', kind, id,
    cjson.encode(owner), class, batch and '"batch":"' .. batch .. '",' or '', state, attempt, now, more or ''))
end

-- Writes a domain event; `more` is JSON that goes into it.
local function emit(kind, id, tenant, batch, state, attempt, now, more)
  local class, owner = string.match(tenant, '^(%a+):(.*)$')
  redis.call('XADD', OUTBOX, 'MAXLEN', '~', OUTBOX_LIMIT, '*', 'e', string.format(
    '{"type":"job.%s","job":"%s","owner":%s,"class":"%s",%s"state":"%s","attempt":%d,"at_ms":%.0f%s}', kind, id,
    cjson.encode(owner), class, batch and '"batch":"' .. batch .. '",' or '', state, attempt, now, more or ''))
end

-- The fields of a job that a move needs.
local function look(id)
  local f = redis.call('HMGET', JOB .. id, 'state', 'fence', 'attempt', 'cancel', 'max', 'worker', 'ended', 'tenant',
    'batch', 'notify', 'leased', 'progress')
  return {
    state = f[1], fence = f[2], attempt = tonumber(f[3]), cancel = f[4] == '1', max = tonumber(f[5]), worker = f[6],
    ended = f[7], tenant = f[8], batch = f[9], notify = f[10], leased = tonumber(f[11]), has_begun = f[12],
  }
end

-- The job, if the attempt that writes still holds it. Else the write is refused, and counted.
local function held(id, fence)
  local job = look(id)
  if job.state == 'running' and job.fence == fence then
    return job
  end
  redis.call('HINCRBY', COUNTERS, 'fenced', 1)
  return nil
end
