-- The lanes with waiting jobs. Returns each as {class, lane, waiting jobs, ms since its latest dispatch or since it has
-- jobs, whether a live worker covers it, slots of those workers}.
local found, lanes = redis.call('HGETALL', NUMBERS), {}
for i = 1, #found, 2 do
  numbers.values[found[i]] = found[i + 1]
end
for i = 1, #found, 2 do
  local class, lane = string.match(found[i], '^waiting:(%a+):(.*)$')
  if class and tonumber(found[i + 1]) > 0 then
    local workers = cover(class, lane)
    local since = number(numbers, 'since:' .. class .. ':' .. lane)
    lanes[#lanes + 1] = {
      class, lane, tonumber(found[i + 1]), math.max(0, now - since), workers.has_worker and 1 or 0, workers.slots,
    }
  end
end
return lanes
