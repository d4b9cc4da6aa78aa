-- ARGV: tenant. Returns the JSON of all its endpoints, and the time.
return { redis.call('HVALS', ENDPOINTS .. ARGV[1]), now() }
