-- ARGV: id. Returns the job of this id, or the one that the id stands for, as {id, hash, position, ms until it is done, whether no live worker
-- covers it}; nothing when there is none.
return entry(ARGV[3], clock()) or entry(redis.call('HGET', ALIAS .. ARGV[3], 'job') or '', clock())
