-- What a new worker does first.
-- ARGV: idle time in ms. Consumers that hold nothing and have not asked for that long are forgotten.
just_restarted(clock())
for _, lane in ipairs(LANES) do
  local consumers = redis.pcall('XINFO', 'CONSUMERS', lane, GROUP)
  for _, info in ipairs(consumers.err and {} or consumers) do
    local consumer = {}
    for k = 1, #info, 2 do
      consumer[info[k]] = info[k + 1]
    end
    if consumer.pending == 0 and consumer.idle > tonumber(ARGV[1]) then
      redis.call('XGROUP', 'DELCONSUMER', lane, GROUP, consumer.name)
      redis.call('HDEL', HANDED, consumer.name)
    end
  end
end
return redis.status_reply('OK')
