-- ARGV: tenant, its JSON as it was read, its JSON as it is to be. Returns 0 when it has changed in between.
if redis.call('GET', TENANT .. ARGV[1]) ~= ARGV[2] then return 0 end
redis.call('SET', TENANT .. ARGV[1], ARGV[3])
return 1
