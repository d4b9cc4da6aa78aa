-- Returns how many delayed jobs joined their line, and how many leases were taken back.
return sweep(clock())
