-- The lanes with waiting jobs. Returns each as {class, lane, waiting jobs, ms since its latest dispatch or since it has
-- jobs, whether a live worker covers it, slots of those workers}.
local lanes = {}
for _, field in ipairs(read_all(numbers)) do
  local class, lane = string.match(field, '^waiting:(%a+):(.*)$')
  if class and number(numbers, field) > 0 then
    local workers = cover(class, lane)
    local since = number(numbers, 'since:' .. class .. ':' .. lane)
    lanes[#lanes + 1] = {
      class, lane, number(numbers, field), math.max(0, now - since), workers.has_worker and 1 or 0, workers.slots,
    }
  end
end
return lanes
