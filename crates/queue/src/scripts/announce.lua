-- A worker announces itself. ARGV: name, slots, pool, information as JSON, ms until it counts as gone.
local name, slots, pool, info, life = ARGV[3], tonumber(ARGV[4]), ARGV[5], ARGV[6], tonumber(ARGV[7])
local known, announced = redis.call('HGET', WORKERS, name), string.format('%d\t%s\t%s', slots, pool, info)
if known ~= announced then
  if known then
    forget_worker(name)
  end
  redis.call('HSET', WORKERS, name, announced)
  local workers, all = string.match(redis.call('HGET', POOLS, pool) or '0 0', '^(%d+) (%d+)$')
  redis.call('HSET', POOLS, pool, string.format('%d %d', workers + 1, all + slots))
end
redis.call('ZADD', ALIVE, now + life, name)
read(numbers, { 'swept', 'announced' })
set(numbers, 'announced', now)
if number(numbers, 'swept') == 0 then
  set(numbers, 'swept', now)
end
flush()
return redis.status_reply('OK')
