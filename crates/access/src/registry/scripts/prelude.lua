-- Prepended to every script. The keys are those of keys.rs, in the same order.
local TENANT, KEY, KEYS_OF, TENANTS, NAMES, HASHES, MASTER =
  KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6], KEYS[7]

-- Ended keys are listed for 90 days.
local RETENTION = 90 * 86400 * 1000
-- Active keys of one tenant.
local MAX_KEYS = 16

local function now()
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end

-- When a key ends or ended; nil: never.
local function end_of(id)
  local ends = redis.call('HMGET', KEY .. id, 'expires', 'revoked')
  local expires, revoked = tonumber(ends[1] or ''), tonumber(ends[2] or '')
  if expires and revoked then return math.min(expires, revoked) end
  return expires or revoked
end

-- Deletes the keys of a tenant that ended long ago. Returns the number of active keys.
local function tidy(tenant, at)
  local working = 0
  for _, id in ipairs(redis.call('ZRANGE', KEYS_OF .. tenant, 0, -1)) do
    local ended = end_of(id)
    if not ended or ended > at then
      working = working + 1
    elseif ended + RETENTION < at then
      redis.call('HDEL', HASHES, redis.call('HGET', KEY .. id, 'hash') or '')
      redis.call('DEL', KEY .. id)
      redis.call('ZREM', KEYS_OF .. tenant, id)
    end
  end
  return working
end

-- Writes a key. `lifetime` in milliseconds, 0: unlimited.
local function write(tenant, id, hash, mode, sealed, lifetime, at)
  redis.call('HSET', KEY .. id, 'tenant', tenant, 'hash', hash, 'mode', mode, 'sealed', sealed, 'created', at)
  if lifetime > 0 then redis.call('HSET', KEY .. id, 'expires', at + lifetime) end
  redis.call('HSET', HASHES, hash, id)
  redis.call('ZADD', KEYS_OF .. tenant, at, id)
end

local FIELDS = { 'tenant', 'hash', 'mode', 'sealed', 'created', 'expires', 'revoked', 'used' }
