-- Put before every script. The keys are those of store.rs, in its order.
local ENDPOINTS, DELIVERY, DELIVERIES, DUE = KEYS[1], KEYS[2], KEYS[3], KEYS[4]

-- Endpoints of one tenant.
local MOST_ENDPOINTS = 5
-- Deliveries that are kept of one endpoint; the oldest go first.
local MOST_DELIVERIES = 2000
-- For so long a delivery is kept after it was made or replayed: a week, in ms.
local KEPT = 7 * 86400 * 1000

local function now()
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end

local function forget(endpoint, id)
  redis.call('DEL', DELIVERY .. id)
  redis.call('ZREM', DUE, id)
  redis.call('ZREM', DELIVERIES .. endpoint, id)
end
