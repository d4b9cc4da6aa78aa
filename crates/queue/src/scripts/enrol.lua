-- What a new worker does first. ARGV: ms after which what a worker was handed last is forgotten.
local now = clock()
just_restarted(now)
local handed = redis.call('HGETALL', HANDED)
for i = 1, #handed, 2 do
  local at = tonumber(string.match(handed[i + 1], '^%S+ (%d+)'))
  if now - at > tonumber(ARGV[3]) then
    redis.call('HDEL', HANDED, handed[i])
  end
end
return redis.status_reply('OK')
