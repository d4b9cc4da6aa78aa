-- ARGV: tenant, key. Returns 1, or 0 if the tenant has no such key.
if redis.call('HGET', KEY .. ARGV[2], 'tenant') ~= ARGV[1] then return 0 end
redis.call('HSETNX', KEY .. ARGV[2], 'revoked', now())
return 1
