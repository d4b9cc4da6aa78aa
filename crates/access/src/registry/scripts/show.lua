-- ARGV: id or name of a tenant. Returns the time, its JSON, and its keys, oldest first.
local id = redis.call('HGET', NAMES, ARGV[1]) or ARGV[1]
local keys = {}
for _, key in ipairs(redis.call('ZRANGE', KEYS_OF .. id, 0, -1)) do
  keys[#keys + 1] = { key, redis.call('HMGET', KEY .. key, unpack(FIELDS)) }
end
return { now(), redis.call('GET', TENANT .. id), keys }
