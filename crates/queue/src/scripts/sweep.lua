-- ARGV: retention in s. Returns how many delayed jobs joined their lane, and how many leases were taken back.
return sweep(clock(), ARGV[1])
