-- ARGV: dead letter, new id, job, greatest depth. Returns as submit does; place -2: there is no such dead letter.
local letter, id, job, max_depth = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
if redis.call('EXISTS', JOB .. id) == 1 then
  return { 0, 0 }
end
if #redis.call('XRANGE', DEAD, letter, letter) == 0 then
  return { -2, 0 }
end
local accepted = accept(id, job, max_depth)
if accepted[1] > 0 then
  redis.call('XDEL', DEAD, letter)
end
return accepted
