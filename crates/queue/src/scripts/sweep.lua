-- Returns how many delayed jobs were due, and how many leases were taken back.
local moved = sweep()
flush()
return moved
