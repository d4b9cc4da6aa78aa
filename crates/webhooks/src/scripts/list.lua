-- ARGV: tenant, endpoint, page size, delivery to continue after ('': start with the latest).
-- Returns ids with their fields, latest first; false if the tenant has no such endpoint.
if redis.call('HEXISTS', ENDPOINTS .. ARGV[1], ARGV[2]) == 0 then return false end
local list, from = DELIVERIES .. ARGV[2], 0
if ARGV[4] ~= '' then
  local rank = redis.call('ZREVRANK', list, ARGV[4])
  if not rank then return {} end
  from = rank + 1
end
local all = {}
for _, id in ipairs(redis.call('ZREVRANGE', list, from, from + tonumber(ARGV[3]) - 1)) do
  local fields = redis.call('HGETALL', DELIVERY .. id)
  if #fields > 0 then all[#all + 1] = { id, fields } end
end
return all
