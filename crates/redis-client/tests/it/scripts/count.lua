return redis.call('INCR', key)
