-- A small write, which fails when Redis refuses writes.
return redis.call('HSET', NUMBERS, 'probed', now)
