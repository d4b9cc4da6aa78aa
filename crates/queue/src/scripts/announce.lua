-- A worker is alive. ARGV: its name, seats, card (JSON), ms after which one that said nothing is taken to be gone.
local now, life = clock(), tonumber(ARGV[6])
redis.call('HSET', WORKERS, ARGV[3], string.format('%.0f %d %s', now, tonumber(ARGV[4]), ARGV[5]))
local seats, all = 0, redis.call('HGETALL', WORKERS)
for i = 1, #all, 2 do
  local at, each = string.match(all[i + 1], '^(%d+) (%d+)')
  if now - at > life then
    redis.call('HDEL', WORKERS, all[i])
  else
    seats = seats + each
  end
end
if seats > 0 then
  redis.call('SET', SEATS, seats, 'PX', life)
end
return redis.status_reply('OK')
