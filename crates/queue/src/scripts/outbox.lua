-- Entries of the outbox, for one consumer of a group.
-- ARGV: group, reader, greatest number, ms after which an entry that was not acknowledged is delivered again.
local group, reader, most, redeliver = ARGV[3], ARGV[4], tonumber(ARGV[5]), ARGV[6]

local claimed = redis.pcall('XAUTOCLAIM', OUTBOX, group, reader, redeliver, '0-0', 'COUNT', most)
if claimed.err then
  if not string.find(claimed.err, 'NOGROUP', 1, true) then
    error(claimed)
  end
  redis.call('XGROUP', 'CREATE', OUTBOX, group, '0', 'MKSTREAM')
end
local entries = claimed.err and {} or claimed[2]
if #entries < most then
  local new = redis.call('XREADGROUP', 'GROUP', group, reader, 'COUNT', most - #entries, 'STREAMS', OUTBOX, '>')
  for _, entry in ipairs(new and new[1][2] or {}) do
    entries[#entries + 1] = entry
  end
end
return entries
