-- Takes deliveries that are due, from each endpoint in turn. A taken delivery is due again when its lease ends.
--
-- ARGV: maximum, maximum of unproven endpoints, lease in ms, calls at once per endpoint, calls at once per tenant; then
-- the calls under way in this process: tenant, endpoint and number of each.
-- Returns for each delivery: id, token, attempts so far, tenant, endpoint, body, whether the endpoint is proven; and
-- ms until the next delivery is due (-1: none is known).
local free, free_unproven = tonumber(ARGV[1]), tonumber(ARGV[2])
local lease, per_endpoint, per_tenant = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local calls, busy = {}, 0
for i = 6, #ARGV, 3 do
  local number = tonumber(ARGV[i + 2])
  calls[ARGV[i + 1]] = number
  calls[ARGV[i]] = (calls[ARGV[i]] or 0) + number
  busy = busy + 1
end
local at, taken = now(), {}

-- Deliveries of versions that had one set for all endpoints.
local old = redis.call('ZRANGE', OLD_DUE, 0, 99, 'WITHSCORES')
for i = 1, #old, 2 do
  local f = redis.call('HMGET', DELIVERY .. old[i], 'tenant', 'endpoint', 'created')
  if f[1] then
    redis.call('ZADD', KEPT, f[3], f[1] .. '/' .. f[2] .. '/' .. old[i])
    put_due(f[1], f[2], old[i], old[i + 1])
  end
  redis.call('ZREM', OLD_DUE, old[i])
end

local function take(tenant, endpoint, number, proven)
  local count = 0
  for _, id in ipairs(redis.call('ZRANGE', DUE .. endpoint, '-inf', at, 'BYSCORE', 'LIMIT', 0, number)) do
    local f = redis.call('HMGET', DELIVERY .. id, 'body', 'attempt', 'state')
    if f[1] and f[3] == 'pending' then
      redis.call('ZADD', DUE .. endpoint, at + lease, id)
      local token = redis.call('HINCRBY', DELIVERY .. id, 'token', 1)
      taken[#taken + 1] = { id, token, tonumber(f[2]), tenant, endpoint, f[1], proven }
      count = count + 1
    else
      redis.call('ZREM', DUE .. endpoint, id)
    end
  end
  calls[endpoint] = (calls[endpoint] or 0) + count
  calls[tenant] = (calls[tenant] or 0) + count
  schedule(tenant, endpoint, at)
  return count
end

-- Every endpoint that is skipped has calls under way, or shares a tenant with one that has: so the bound of the scan
-- leaves room for endpoints that can be served.
local function serve(set, number, limit, proven)
  local scan = number + MAX_ENDPOINTS * busy
  for _, member in ipairs(redis.call('ZRANGE', set, '-inf', at, 'BYSCORE', 'LIMIT', 0, scan)) do
    local tenant, endpoint = string.match(member, '^([^/]*)/(.*)$')
    local room = math.min(number, limit - (calls[endpoint] or 0), per_tenant - (calls[tenant] or 0))
    if room > 0 then number = number - take(tenant, endpoint, room, proven) end
    if number <= 0 then break end
  end
  return number
end

free_unproven = math.min(free, free_unproven)
if free_unproven > 0 then free = free - free_unproven + serve(UNPROVEN, free_unproven, 1, 0) end
if free > 0 then serve(READY, free, per_endpoint, 1) end

local wait = -1
for _, set in ipairs({ READY, UNPROVEN }) do
  local first = redis.call('ZRANGE', set, 0, 0, 'WITHSCORES')
  if first[2] then
    local until_due = math.max(0, tonumber(first[2]) - at)
    wait = wait < 0 and until_due or math.min(wait, until_due)
  end
end
return { taken, wait }
