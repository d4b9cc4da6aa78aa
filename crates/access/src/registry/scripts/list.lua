-- ARGV: id of the tenant to start after, or '', and the page size. Returns the JSON of tenants, oldest first.
local first = 0
local rank = redis.call('ZRANK', TENANTS, ARGV[1])
if rank then first = rank + 1 end
local tenants = {}
for _, id in ipairs(redis.call('ZRANGE', TENANTS, first, first + ARGV[2] - 1)) do
  tenants[#tenants + 1] = redis.call('GET', TENANT .. id)
end
return tenants
