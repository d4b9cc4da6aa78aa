-- ARGV: id, number of an event. Returns the hash of the job and its stored events after that number, of one moment.
return { redis.call('HGETALL', JOB .. ARGV[3]), redis.call('XRANGE', EVENTS .. ARGV[3], '(' .. ARGV[4] .. '-0', '+') }
