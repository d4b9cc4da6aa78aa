-- ARGV: key. Records its use.
if redis.call('EXISTS', KEY .. ARGV[1]) == 1 then redis.call('HSET', KEY .. ARGV[1], 'used', now()) end
return 1
