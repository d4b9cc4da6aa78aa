-- ARGV: the sealed root key as read, and its replacement. Returns 0 if it has changed since.
if redis.call('GET', MASTER) ~= ARGV[1] then return 0 end
redis.call('SET', MASTER, ARGV[2])
return 1
