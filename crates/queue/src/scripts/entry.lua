-- ARGV: id. Returns the job of this id, or the one that the id stands for, as `entry` does; nothing when there is none.
local found, alias = entry(ARGV[3])
if not found and alias then
  found = entry(alias)
end
return found
