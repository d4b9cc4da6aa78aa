-- ARGV: tenant. Returns the JSON of its endpoints, and the time.
return { redis.call('HVALS', ENDPOINTS .. ARGV[1]), now() }
