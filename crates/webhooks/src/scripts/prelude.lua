-- Prepended to every script. The keys are those of store.rs, in the same order.
local ENDPOINTS, DELIVERY, DELIVERIES, DUE, READY, UNPROVEN, PROVEN, KEPT, OLD_DUE =
  KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6], KEYS[7], KEYS[8], KEYS[9]

-- Endpoints of one tenant.
local MAX_ENDPOINTS = 5
-- Deliveries that are kept of one endpoint, and of all endpoints; the oldest are dropped first.
local MAX_PER_ENDPOINT = 1000
local MAX_DELIVERIES = 20000
-- Bytes of one delivery's log.
local MAX_LOG = 4096
-- A delivery is kept this long after its last change: 7 days in ms, as `RETENTION` in options.rs.
local RETENTION = 7 * 86400 * 1000

local function now()
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end

-- Updates when an endpoint is served next: at its earliest due delivery, and after `at` if that has passed, so that
-- endpoints with overdue deliveries take turns.
local function schedule(tenant, endpoint, at)
  local member = tenant .. '/' .. endpoint
  local first = redis.call('ZRANGE', DUE .. endpoint, 0, 0, 'WITHSCORES')
  local proven = redis.call('SISMEMBER', PROVEN, endpoint) == 1
  redis.call('ZREM', proven and UNPROVEN or READY, member)
  if first[1] then
    redis.call('ZADD', proven and READY or UNPROVEN, math.max(tonumber(first[2]), at), member)
  else
    redis.call('ZREM', proven and READY or UNPROVEN, member)
  end
end

local function put_due(tenant, endpoint, id, due)
  redis.call('ZADD', DUE .. endpoint, due, id)
  schedule(tenant, endpoint, 0)
end

local function forget(tenant, endpoint, id)
  redis.call('DEL', DELIVERY .. id)
  redis.call('ZREM', DELIVERIES .. endpoint, id)
  redis.call('ZREM', KEPT, tenant .. '/' .. endpoint .. '/' .. id)
  if redis.call('ZREM', DUE .. endpoint, id) == 1 then schedule(tenant, endpoint, 0) end
end
