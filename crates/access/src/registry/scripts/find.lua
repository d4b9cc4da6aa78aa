-- Looks a key up. ARGV: 'hash' or 'id', its value.
-- Returns the time (0 unless the key has an expiry), the key's id and fields, its tenant, and the id of the root key.
-- An unknown key is looked up in full, so that it takes as long as a known one.
local id, root
if ARGV[1] == 'hash' then
  local found = redis.call('HMGET', HASHES, ARGV[2], 'root')
  id, root = found[1] or '', found[2]
else
  id, root = ARGV[2], redis.call('HGET', HASHES, 'root')
end
root = root or string.sub(redis.call('GET', MASTER) or '', 1, 16)
local key = redis.call('HMGET', KEY .. id, unpack(FIELDS))
local tenant = redis.call('GET', TENANT .. (key[1] or ''))
return { key[6] and now() or 0, id, key, tenant, root }
