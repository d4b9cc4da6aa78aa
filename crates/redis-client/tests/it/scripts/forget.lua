return redis.call('DEL', key)
