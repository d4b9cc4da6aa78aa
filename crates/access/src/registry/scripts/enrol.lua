-- ARGV: a sealed root key. Returns the root key of the registry, which the first call sets.
redis.call('SETNX', MASTER, ARGV[1])
local master = redis.call('GET', MASTER)
redis.call('HSETNX', HASHES, 'root', string.sub(master, 1, 16))
return master
