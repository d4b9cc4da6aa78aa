-- A small write, to see whether Redis takes writes.
return redis.call('HSET', NUMBERS, 'probed', now)
