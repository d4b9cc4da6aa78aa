-- ARGV: the sealed root key as it was read, and as it is to be. Returns 0 when it has changed in between.
if redis.call('GET', MASTER) ~= ARGV[1] then return 0 end
redis.call('SET', MASTER, ARGV[2])
return 1
