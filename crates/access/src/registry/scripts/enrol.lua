-- ARGV: a root key, sealed. Returns the one that the registry was made with.
redis.call('SETNX', MASTER, ARGV[1])
return redis.call('GET', MASTER)
