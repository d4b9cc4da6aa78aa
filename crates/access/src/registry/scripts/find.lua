-- ARGV: 'hash' or 'id', which. Returns the time, the key's id and fields, its tenant, and the id of the root key.
-- What is not there is looked up all the same, so that it costs the same.
local id = ARGV[2]
if ARGV[1] == 'hash' then id = redis.call('HGET', HASHES, id) or '' end
local key = redis.call('HMGET', KEY .. id, unpack(FIELDS))
return { now(), id, key, redis.call('GET', TENANT .. (key[1] or '')), string.sub(redis.call('GET', MASTER) or '', 1, 16) }
