-- Ended jobs whose owner asked to be told, for one of several readers.
-- ARGV: group, reader, greatest number, ms after which what another reader has not confirmed is handed out again.
local group, reader, most = ARGV[3], ARGV[4], tonumber(ARGV[5])
local made = redis.pcall('XGROUP', 'CREATE', ENDED, group, '0', 'MKSTREAM')
if made.err and not string.find(made.err, 'BUSYGROUP', 1, true) then
  error(made)
end
local entries = redis.call('XAUTOCLAIM', ENDED, group, reader, ARGV[6], '0-0', 'COUNT', most)[2]
if #entries < most then
  local new = redis.call('XREADGROUP', 'GROUP', group, reader, 'COUNT', most - #entries, 'STREAMS', ENDED, '>')
  for _, entry in ipairs(new and new[1][2] or {}) do
    entries[#entries + 1] = entry
  end
end
return entries
